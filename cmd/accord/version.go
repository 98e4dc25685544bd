package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func newVersionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which Accord this is",
		Long:    "Prints the version of Accord, the revision it was built from, and the Go release and platform it was built with.",
		Example: "  accord version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(e.stdout, versionText())
			return err
		},
	}
}

// versionText is "accord VERSION (revision R, modified) goX os/arch", as far as the build knows.
func versionText() string {
	version, revision, modified := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(info.Main.Version, version)
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = ", modified"
			}
		}
	}
	if revision != "" {
		version += fmt.Sprintf(" (revision %.12s%s)", revision, modified)
	}
	return fmt.Sprintf("accord %s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
