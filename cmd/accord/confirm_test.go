package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Only yes is a yes.
func TestOnlyYesIsAYes(t *testing.T) {
	for answer, want := range map[string]error{"yes\n": nil, " YES \n": nil, "yes": nil, "y\n": errDeclined, "no\n": errDeclined, "\n": errDeclined, "": errDeclined} {
		var asked bytes.Buffer
		if err := ask(&env{stdin: strings.NewReader(answer), stderr: &asked}, "Go on?"); !errors.Is(err, want) || !strings.Contains(asked.String(), "Go on?") {
			t.Errorf("%q: got %v after %q, want %v", answer, err, asked.String(), want)
		}
	}
}
