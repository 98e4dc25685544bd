package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every flag and every argument that is a name is completed.
func TestEveryNameIsCompleted(t *testing.T) {
	flags, arguments := 0, 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for name := range flagNames {
			if c.Flags().Lookup(name) == nil && c.PersistentFlags().Lookup(name) == nil {
				continue
			}
			flags++
			if _, ok := c.GetFlagCompletionFunc(name); !ok {
				t.Errorf("%s: --%s is not completed", c.CommandPath(), name)
			}
		}
		for _, word := range strings.Fields(c.Use)[1:] {
			if strings.HasPrefix(word, "-") {
				break // the value of a flag follows
			}
			if argumentNames[word] != nil {
				arguments++
				if c.ValidArgsFunction == nil {
					t.Errorf("%s: %s is not completed", c.CommandPath(), word)
				}
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&env{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}))
	if flags < 20 || arguments < 10 {
		t.Errorf("only %d flags and %d arguments were found", flags, arguments)
	}
}
