package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// inputSuffixes are the names of files that are read in a folder. .stix is the Standard's own (appendix D).
var inputSuffixes = []string{".json", ".stix", ".stix2"}

// eachInput calls visit with the text of every file that paths name, in order: those in a folder by their names, at any
// depth. One file is held at a time. An unreadable file is told through failed and skipped; an error from visit ends the
// walk.
func eachInput(ctx context.Context, stdin io.Reader, paths []string, visit func(name string, text []byte) error, failed func(name string, err error)) error {
	for _, path := range paths {
		if path == "-" {
			text, err := io.ReadAll(stdin)
			if err != nil {
				return fmt.Errorf("read standard input: %w", err)
			}
			if err := visit("-", text); err != nil {
				return err
			}
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			failed(path, err)
		case info.IsDir():
			if err := eachInFolder(ctx, path, visit, failed); err != nil {
				return err
			}
		default:
			if err := visitFile(path, visit, failed); err != nil {
				return err
			}
		}
	}
	return nil
}

func eachInFolder(ctx context.Context, folder string, visit func(string, []byte) error, failed func(string, error)) error {
	seen := false
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			seen = true
			failed(path, err)
			return nil
		case entry.IsDir():
			if path != folder && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case !slices.Contains(inputSuffixes, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		seen = true
		return visitFile(path, visit, failed)
	})
	if err == nil && !seen {
		err = fmt.Errorf("%s has no file ending in %s", folder, strings.Join(inputSuffixes, ", "))
	}
	return err
}

func visitFile(path string, visit func(string, []byte) error, failed func(string, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		failed(path, err)
		return nil
	}
	return visit(displayName(path), text)
}
