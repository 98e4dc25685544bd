// Command bench measures a running Accord from outside, and beside it, in the same run, what it is compared with: bare
// handlers of net/http and of echo that write the same bytes from memory, nginx that sends them from a file, the way of a
// POST without validation, and bbolt alone. `make bench` starts it; with -write it puts its tables between the markers of
// doc/performance.md, each with the command, the machine, its load, the commit and the time.
//
// Subjects take turns of a second or so, and what is stated is the median of the ratios within a turn: on a machine that
// does other things meanwhile, absolute figures mean little. It uses wrk and nginx where they are installed (Debian: apt-get
// install wrk nginx-light), and its own load generator where they are not. It speaks with loopback addresses only, and what
// it starts ends with it, also when it is interrupted.
//
// It judges nothing: goals are printed beside what was reached, but no run fails for being slow. Start reading at main.
package main
