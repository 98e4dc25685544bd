// Command accord is a TAXII 2.1 server in which each sharing agreement is a collection, and the tools around it.
//
// Every file holds one subcommand: it reads flags, connects the packages, prints, and returns an error; only [run]
// turns errors into messages and exit codes. Start reading at main.go, then serve.go.
package main
