package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand(e *env) *cobra.Command {
	var markdown bool
	cmd := &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages of all commands",
		Long: `Writes a manual page for each command into FOLDER, which is made if it does not
exist: accord.1, accord-serve.1 and so on, for man(1). With --markdown they are
accord.md and so on, for the web.`,
		Example: `  accord man /usr/local/share/man/man1`,
		Args:    exactArgs("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			page, end := manual, ".1"
			if markdown {
				page, end = webPage, ".md"
			}
			n, err := writeManuals(cmd.Root(), args[0], page, end)
			if err == nil {
				fmt.Fprintf(e.stdout, "%s: %d manual pages\n", args[0], n)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write Markdown, not pages for man(1)")
	return cmd
}

// writeManuals writes the page of a command and those of the commands below it.
func writeManuals(cmd *cobra.Command, dir string, page func(*cobra.Command) []byte, end string) (n int, err error) {
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + end
	if err := os.WriteFile(filepath.Join(dir, name), page(cmd), 0o644); err != nil {
		return 0, err
	}
	n = 1
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		more, err := writeManuals(sub, dir, page, end)
		n += more
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// webPage returns a page in Markdown.
func webPage(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n```\n%s\n```\n\n```\n%s\n```\n", cmd.CommandPath(), cmd.Short, cmd.UseLine(), strings.TrimRight(cmd.Long, "\n"))
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\n## Examples\n\n```\n%s\n```\n", strings.TrimRight(cmd.Example, "\n"))
	}
	webFlags(&b, "Options", cmd.NonInheritedFlags())
	webFlags(&b, "Common options", cmd.InheritedFlags())
	heading := "\n## Commands\n\n"
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&b, "%s- [%s](%s.md): %s\n", heading, sub.CommandPath(), strings.ReplaceAll(sub.CommandPath(), " ", "-"), sub.Short)
			heading = ""
		}
	}
	return b.Bytes()
}

func webFlags(b *bytes.Buffer, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n```\n%s```\n", heading, flags.FlagUsagesWrapped(110))
}

// manual returns a page in the man macros.
func manual(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	title := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %q 1 \"\" \"Accord\" \"Accord manual\"\n", strings.ToUpper(title))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(title), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n")
	verbatim(&b, cmd.Long)
	manualFlags(&b, "OPTIONS", cmd.NonInheritedFlags())
	manualFlags(&b, "COMMON OPTIONS", cmd.InheritedFlags())
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n")
		verbatim(&b, cmd.Example)
	}
	var see []string
	if cmd.HasParent() {
		see = append(see, strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-"))
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			see = append(see, strings.ReplaceAll(sub.CommandPath(), " ", "-"))
		}
	}
	if len(see) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n")
		for i, name := range see {
			comma := ","
			if i == len(see)-1 {
				comma = ""
			}
			fmt.Fprintf(&b, ".BR %s (1)%s\n", roff(name), comma)
		}
	}
	return b.Bytes()
}

func manualFlags(b *bytes.Buffer, heading string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", heading)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, ".TP\n\\fB\\-\\-%s\\fR", roff(f.Name))
		if f.Shorthand != "" {
			fmt.Fprintf(b, ", \\fB\\-%s\\fR", roff(f.Shorthand))
		}
		if value != "" {
			fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
		}
		fmt.Fprintf(b, "\n%s", roff(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
			fmt.Fprintf(b, " (default %s)", roff(f.DefValue))
		}
		b.WriteByte('\n')
	})
}

// verbatim keeps lines as they were written: the texts are laid out for a terminal.
func verbatim(b *bytes.Buffer, text string) {
	b.WriteString(".nf\n")
	for line := range strings.Lines(text) {
		line = roff(strings.TrimSuffix(line, "\n"))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		b.WriteString(line + "\n")
	}
	b.WriteString(".fi\n")
}

// roff escapes text for the man macros.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
}
