package main

import (
	"cmp"
	"crypto/fips140"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of Accord",
		Long: `Prints the version of Accord, the commit that it was built from, and the Go
release and platform that it was built with, and whether it runs in FIPS mode.
accord --version prints the same.`,
		Example: "  accord version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(e.stdout, versionText())
			return err
		},
	}
}

// versionText returns "accord VERSION (commit C, modified) goX os/arch", as far as the build knows.
func versionText() string {
	version, commit := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(info.Main.Version, version)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = fmt.Sprintf(" (commit %.12s", s.Value) + commit
			case s.Key == "vcs.modified" && s.Value == "true":
				commit += ", modified"
			}
		}
	}
	if commit == "" {
		commit = " (commit unknown"
	}
	text := fmt.Sprintf("accord %s%s) %s %s/%s", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if fips140.Enabled() {
		text += ", FIPS 140-3 mode"
	}
	return text
}
