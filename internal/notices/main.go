package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is a module of which something is linked.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: notices PACKAGE")
		os.Exit(2)
	}
	if err := write(os.Stdout, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// write writes the notices of the program in a package.
func write(out io.Writer, program string) error {
	modules, err := linked(program)
	if err != nil {
		return err
	}
	root, err := goCommand("env", "GOROOT")
	if err != nil {
		return err
	}
	modules = append(modules, module{Path: "Go standard library", Dir: strings.TrimSpace(string(root))})
	var text bytes.Buffer
	fmt.Fprintf(&text, "This program holds the software listed here, each part under its own licence.\n")
	for _, m := range modules {
		files, err := licences(m.Dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.Path, err)
		}
		fmt.Fprintf(&text, "\n%s\n%s\n", strings.Repeat("=", 80), strings.TrimSpace(m.Path+" "+m.Version))
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			content = bytes.TrimSpace(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")))
			fmt.Fprintf(&text, "\n--- %s\n\n%s\n", filepath.Base(file), content)
		}
	}
	if err := writeVendored(&text); err != nil {
		return err
	}
	_, err = out.Write(text.Bytes())
	return err
}

// vendored is the folder, in the main module, of scripts that are not ours and their licences, LICENSE.NAME-VERSION.
const vendored = "internal/console/static/vendor"

// writeVendored writes the notices of the scripts that are built in.
func writeVendored(text *bytes.Buffer) error {
	root, err := goCommand("list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), vendored, "LICENSE.*"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: no licence file", vendored)
	}
	for _, file := range files {
		content, readErr := os.ReadFile(file)
		err = errors.Join(err, readErr)
		name := strings.TrimPrefix(filepath.Base(file), "LICENSE.")
		fmt.Fprintf(text, "\n%s\n%s (JavaScript)\n\n%s\n", strings.Repeat("=", 80), name, bytes.TrimSpace(content))
	}
	return err
}

// linked returns the modules of the packages that are linked into a program, by path, without the main module.
func linked(program string) ([]module, error) {
	list, err := goCommand("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", program)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		used[strings.TrimSpace(line)] = true
	}
	list, err = goCommand("list", "-m", "-json", "all")
	if err != nil {
		return nil, err
	}
	var modules []module
	for dec := json.NewDecoder(bytes.NewReader(list)); ; {
		var m module
		if err := dec.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list -m: %w", err)
		}
		if m.Main || !used[m.Path] {
			continue
		}
		if m.Replace != nil {
			m.Dir = m.Replace.Dir
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.Path, b.Path) })
	return modules, nil
}

// licences returns the files at the top of a module that licences ask to be passed on.
func licences(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	licensed := false
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		isLicence := strings.HasPrefix(name, "LICENSE") || strings.HasPrefix(name, "LICENCE") || strings.HasPrefix(name, "COPYING")
		if e.Type().IsRegular() && (isLicence || strings.HasPrefix(name, "NOTICE")) && filepath.Ext(name) != ".GO" {
			files = append(files, filepath.Join(dir, e.Name()))
			licensed = licensed || isLicence
		}
	}
	if !licensed {
		return nil, errors.New("no licence file")
	}
	return files, nil
}

// goCommand runs the go command and returns what it printed.
func goCommand(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(problem.String()))
	}
	return out, nil
}
