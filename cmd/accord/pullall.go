package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
)

// pullAll pulls every collection that the account may read, each into a folder of its own. One that fails does not stop the others.
func pullAll(ctx context.Context, e *env, client *taxii.Client, server string, f pullFlags) error {
	if f.dir == "" {
		return withHint(usageError("--all needs a folder for the collections"), "give --dir DIR")
	}
	list, err := collectionsOf(ctx, client, server)
	if err != nil {
		return explain(err)
	}
	if f.state != "" {
		if err := os.MkdirAll(f.state, 0o700); err != nil {
			return fmt.Errorf("make the folder of states: %w", err)
		}
	}
	var failed []error
	taken, readable := map[string]bool{}, 0
	for _, c := range list {
		if !c.CanRead {
			continue
		}
		readable++
		one := f
		name := folderName(c, taken)
		one.dir, one.name = filepath.Join(f.dir, name), name
		if f.state != "" {
			one.state = filepath.Join(f.state, strings.ReplaceAll(name, string(filepath.Separator), "."))
		}
		if err := pull(ctx, e, client, c.URL, one); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		}
	}
	if readable == 0 {
		fmt.Fprintln(e.stderr, "the account may read no collection of this server")
	}
	return errors.Join(failed...)
}

// folderName returns the folder of a collection: ROOT/ALIAS, or ROOT/ID. Both are a server's words, so only names become part of it.
func folderName(c listedCollection, taken map[string]bool) string {
	root := path.Base(strings.TrimRight(c.Root, "/"))
	if agreement.CheckName(root) != nil {
		root = "root"
	}
	name := filepath.Join(root, c.Alias)
	if agreement.CheckName(c.Alias) != nil || taken[name] {
		name = filepath.Join(root, digitsAndLetters(c.ID))
	}
	taken[name] = true
	return name
}

// digitsAndLetters returns a text with everything else as a hyphen, and never empty.
func digitsAndLetters(text string) string {
	return "c" + strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, text[:min(len(text), 100)])
}
