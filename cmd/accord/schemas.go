package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/accord-taxii/accord/schemas"
	"github.com/spf13/cobra"
)

func newSchemasCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "schemas DIR",
		Short: "Write the JSON Schemas of STIX 2.1 to a folder",
		Long: `Writes the JSON Schemas (draft 2020-12) that objects are held to into a folder:
one for each object type, those that they share, and a README that says how to
use them with any validator. The folder is made if it is not there. Schemas that
an earlier version wrote are replaced; a folder with anything else is refused.`,
		Example: "  accord schemas ./stix-schemas",
		Args:    exactArgs("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := writeSchemas(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.stdout, "%d files written to %s; begin with README.md\n", n, args[0])
			return err
		},
	}
}

// writeSchemas writes the folder of schemas to dir and returns how many files it has.
func writeSchemas(dir string) (int, error) {
	if err := ofSchemas(dir); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("make the folder: %w", err)
	}
	paths, err := fs.Glob(schemas.Files(), "*")
	if err != nil {
		return 0, fmt.Errorf("list the schemas: %w", err)
	}
	for _, path := range paths {
		text, err := fs.ReadFile(schemas.Files(), path)
		if err != nil {
			return 0, fmt.Errorf("read schema %s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), text, 0o644); err != nil {
			return 0, fmt.Errorf("write schema %s: %w", path, err)
		}
	}
	return len(paths), nil
}

// ofSchemas refuses a folder with other files: a README.md that Accord did not write must not be lost.
func ofSchemas(dir string) error {
	found, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(found) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("look into the folder: %w", err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "common.json")); err == nil && bytes.Contains(text, []byte(schemas.BaseURL)) {
		return nil
	}
	return withHint(fmt.Errorf("%s has files in it already, which are not these schemas", dir), "name a folder that is empty or does not exist")
}
