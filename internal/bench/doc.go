// Command bench measures a running Accord from outside, and beside it, in the same run, what it is compared with: a bare
// handler that writes the same bytes from memory, and nginx that sends them from a file. It prints the tables of
// doc/performance.md. `make bench-run` starts it; `make bench` runs the Go benchmarks of each layer.
//
// Subjects take turns of a second or so, and what is stated is the median of the ratios within a turn: on a machine that
// does other things meanwhile, absolute figures mean little. It uses wrk and nginx where they are installed (Debian: apt-get
// install wrk nginx-light), and its own load generator where they are not.
//
// It judges nothing: no run fails for being slow. Start reading at main.
package main
