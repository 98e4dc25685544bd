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
var inputSuffixes = []string{".json", ".stix", ".stix2", ".jsonl", ".ndjson"}

// hasLines reports whether a file holds JSON lines, by its name.
func hasLines(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return ext == ".jsonl" || ext == ".ndjson"
}

// inputFiles lists the files that paths name, in order. A folder means the files in it with an input suffix, at any
// depth; "-" means standard input. It calls failed for what cannot be read.
func inputFiles(ctx context.Context, paths []string, failed func(name string, err error)) ([]string, error) {
	var files []string
	for _, path := range paths {
		if path == "-" {
			files = append(files, path)
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			failed(path, err)
		case info.IsDir():
			found, err := filesBelow(ctx, path, failed)
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		default:
			files = append(files, path)
		}
	}
	return files, nil
}

// filesBelow lists the files of a folder. Hidden folders are left out.
func filesBelow(ctx context.Context, folder string, failed func(name string, err error)) (files []string, err error) {
	seen := false
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			seen = true
			failed(path, err)
		case entry.IsDir():
			if path != folder && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
		case slices.Contains(inputSuffixes, strings.ToLower(filepath.Ext(path))):
			seen = true
			files = append(files, path)
		}
		return nil
	})
	if err == nil && !seen {
		err = fmt.Errorf("%s has no file ending in %s", folder, strings.Join(inputSuffixes, ", "))
	}
	return files, err
}

// eachInput calls visit with the text of every file that paths name. It holds one file in memory at a time. An error
// from visit ends the walk.
func eachInput(ctx context.Context, stdin io.Reader, paths []string, visit func(name string, text []byte) error, failed func(name string, err error)) error {
	files, err := inputFiles(ctx, paths, failed)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := readInput(stdin, file)
		switch {
		case err != nil && file == "-":
			return err
		case err != nil:
			failed(file, err)
			continue
		}
		if err := visit(displayName(file), text); err != nil {
			return err
		}
	}
	return nil
}

// readInput reads a file, or standard input.
func readInput(stdin io.Reader, file string) ([]byte, error) {
	if file != "-" {
		return os.ReadFile(file)
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return text, nil
}
