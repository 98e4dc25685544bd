// Command notices writes the licences of everything that is compiled into a program: the Go standard library and every
// module of which a package is linked, each with the licence and notice files of the version in go.sum.
//
//	go run ./internal/notices ./cmd/accord > THIRD-PARTY-NOTICES.txt
//
// It asks the go command which packages are linked and reads the module cache; it needs no network once the modules are
// there. A module without a licence file is an error. Start reading at main.
package main
