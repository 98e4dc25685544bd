package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A commandLine is a line of a document that runs this program.
type commandLine struct {
	where  string // file and line
	words  []string
	inline bool // in a sentence, where it may be abbreviated
}

// Every command line of a document, and of the help, names a command that exists and flags that it has; in blocks of code it has
// its arguments and the flags that it needs, too. Decisions and notes on what was tried are of their time.
func TestCommandLinesInDocumentsAreRight(t *testing.T) {
	var lines []commandLine
	for _, pattern := range []string{"*.md", "doc/*.md", "doc/clients/*.md", "doc/console/*.md", "packaging/*", "deploy/*", "deploy/*/*"} {
		names, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if filepath.Base(name) == "CHANGELOG.md" || strings.HasSuffix(name, ".go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				continue // a folder
			}
			lines = append(lines, commandLines(strings.TrimPrefix(name, "../../"), string(text))...)
		}
	}
	n := len(lines)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		lines = append(lines, commandLines("accord help "+c.CommandPath(), c.Long+"\n\n"+c.Example)...)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&env{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}))
	if n < 150 || len(lines) < n+80 {
		t.Errorf("only %d command lines were found in documents, and %d in the help", n, len(lines)-n)
	}
	for _, l := range lines {
		for _, words := range alternatives(l.words) {
			if err := checkLine(words, l.inline); err != nil {
				t.Errorf("%s: accord %s: %v", l.where, strings.Join(words, " "), err)
			}
		}
	}
}

var (
	inlineCode   = regexp.MustCompile("`(?:sudo -u accord )?(accord [a-z-][^`]*)`")
	substitution = regexp.MustCompile(`\$\([^()]*\)`)
	assignment   = regexp.MustCompile(`^[A-Z_]+=`)
	placeholder  = regexp.MustCompile(`^[A-Z][A-Z-]*$`)
)

// commandLines finds the lines of a text that run this program: in blocks of code, which are fenced or indented, and in sentences.
func commandLines(name, text string) (found []commandLine) {
	fenced, joined := false, ""
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		where := fmt.Sprintf("%s:%d", name, i+1)
		block := fenced || strings.HasPrefix(line, "    ")
		switch {
		case strings.HasPrefix(name, "accord help "):
			block = block || strings.HasPrefix(line, "  ")
		case !strings.HasSuffix(name, ".md"):
			block = true
		}
		if !block && joined == "" {
			for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
				words, _ := shellWords(m[1])
				for _, command := range words {
					found = append(found, commandLine{where, command[1:], true})
				}
			}
			continue
		}
		joined += strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		if cut, more := strings.CutSuffix(joined, `\`); more {
			joined = cut
			continue
		}
		commands, ok := shellWords(joined)
		joined = ""
		if !ok {
			continue // no command: a sentence with an apostrophe, or YAML
		}
		for _, words := range commands {
			for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "sudo" || words[0] == "-u") {
				if words[0] == "-u" {
					words = words[1:]
				}
				words = words[1:]
			}
			if len(words) > 1 && (words[0] == "accord" || words[0] == "./bin/accord" || strings.HasPrefix(words[0], "ExecStart=") && strings.HasSuffix(words[0], "/accord")) &&
				regexp.MustCompile(`^[a-z-]`).MatchString(words[1]) {
				found = append(found, commandLine{where, words[1:], false})
			}
		}
	}
	return found
}

// shellWords splits a line into commands and their words, as a shell does, as far as documents need it.
func shellWords(line string) (commands [][]string, ok bool) {
	line = substitution.ReplaceAllString(line, "X")
	var words []string
	word, quoted, begun := "", rune(0), false
	end := func() {
		if begun {
			words = append(words, word)
		}
		word, begun = "", false
	}
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		switch c := runes[i]; {
		case quoted != 0 && c == quoted:
			quoted = 0
		case quoted != 0:
			word += string(c)
		case c == '\'' || c == '"':
			quoted, begun = c, true
		case c == ' ' || c == '\t':
			end()
		case c == '#' && !begun:
			i = len(runes)
		case c == ';' || c == '&' || c == '|' && !begun:
			end()
			commands, words = append(commands, words), nil
		case c == '>' || c == '<':
			end()
			for i+1 < len(runes) && (runes[i+1] == '>' || runes[i+1] == '&') {
				i++
			}
			words = append(words, ">")
		default:
			word, begun = word+string(c), true
		}
	}
	end()
	commands = append(commands, words)
	for i, words := range commands { // a redirection and its file
		var kept []string
		for j := 0; j < len(words); j++ {
			if words[j] == ">" {
				j++
				continue
			}
			kept = append(kept, words[j])
		}
		commands[i] = kept
	}
	return commands, quoted == 0
}

// alternatives returns the command lines that one with words such as pause|resume stands for.
func alternatives(words []string) [][]string {
	for i, w := range words {
		if strings.Contains(w, "|") && !strings.HasPrefix(w, "-") && !strings.Contains(w, "://") {
			var all [][]string
			for one := range strings.SplitSeq(w, "|") {
				all = append(all, alternatives(slices.Concat(words[:i], []string{one}, words[i+1:]))...)
			}
			return all
		}
	}
	return [][]string{words}
}

// checkLine returns what is wrong with the words of a command line.
func checkLine(words []string, inline bool) error {
	open := inline
	var args []string
	for _, w := range words {
		w = strings.NewReplacer("[", "", "]", "").Replace(w)
		if w == "…" || w == "..." || strings.HasPrefix(w, "$") {
			open = true // something is left out
			continue
		}
		if w != "" && w != "&" {
			args = append(args, w)
		}
	}
	root := newRoot(&env{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }})
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		value := ""
		if _, after, ok := strings.Cut(err.Error(), `invalid argument "`); ok {
			value, _, _ = strings.Cut(after, `"`)
		}
		if !placeholder.MatchString(value) && !(inline && strings.HasPrefix(err.Error(), "flag needs an argument")) {
			return err
		}
	}
	if cmd.HasSubCommands() {
		if rest := cmd.Flags().Args(); len(rest) > 0 && cmd.Name() != "help" && cmd != root {
			return fmt.Errorf("there is no command %q below it", rest[0])
		}
		return nil
	}
	if open || cmd.Name() == "help" {
		return nil
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return err
	}
	return cmd.ValidateRequiredFlags()
}
