// Command bench measures a running Accord from outside and, in the same run, what it is compared with: bare handlers of
// net/http and of echo that write the same bytes from memory, nginx sending them from a file, a POST without validation, and
// bbolt alone. `make bench` starts it. With -write it puts its tables between the markers of the documents in doc/performance,
// each with the command, the machine, its load, the commit and the time.
//
// Subjects take turns of a second or so, and the result is the median of the ratios within a turn: on a busy machine, absolute
// figures mean little. It uses wrk and nginx if they are installed (Debian: apt-get install wrk nginx-light), and its own load
// generator otherwise. It speaks only with loopback addresses, and ends the processes that it started, also when interrupted.
//
// Goals are printed beside what was reached; no run fails for being slow. Start reading at main.
package main
