package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// errDeclined is the error of a command that was not confirmed.
var errDeclined = errors.New("nothing was done: the answer was not yes")

// confirm asks at a terminal whether to go on. Without one, the command line is the answer.
func confirm(e *env, question string) error {
	if !canAsk(e) {
		return nil
	}
	return ask(e, question)
}

// canAsk reports whether there is a terminal to ask at.
func canAsk(e *env) bool {
	f, ok := e.stdin.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// ask asks for a yes.
func ask(e *env, question string) error {
	fmt.Fprintf(e.stderr, "%s [yes/no] ", question)
	answer, _ := bufio.NewReader(e.stdin).ReadString('\n') // an end of the input is no yes
	if strings.TrimSpace(strings.ToLower(answer)) != "yes" {
		return errDeclined
	}
	return nil
}
