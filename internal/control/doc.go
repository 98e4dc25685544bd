// Package control knows the characters that act on a terminal or a page instead of being shown: the one rule by which texts of
// one line (names, titles, reasons) are refused, and by which what strangers wrote is cleaned. It knows no other rule about
// texts. Start at [Acts].
package control
