package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// Every command line of deploy/ names a command that exists, with flags that it has.
func TestCommandsThatAreDeployedExist(t *testing.T) {
	for _, line := range append(composed(t), unitLines(t)...) {
		line = regexp.MustCompile(`\$\([^)]*\)`).ReplaceAllString(line, "X") // what the shell puts there
		root := newRoot(&env{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, now: time.Now})
		cmd, rest, err := root.Find(strings.Fields(line))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil || cmd == root {
			t.Errorf("%s: got %v, want a command with these flags", line, err)
		}
	}
}

// composed returns the command lines of compose.yaml: those of its services, and those that its comment has.
func composed(t *testing.T) (lines []string) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image, Restart, Command string
			StopGracePeriod         string `yaml:"stop_grace_period"`
			Volumes, Ports          []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, s := range file.Services {
		lines = append(lines, s.Command)
		if s.Image == "" || s.StopGracePeriod == "" || s.Restart == "" || len(s.Ports) != 1 || seen[s.Ports[0]] {
			t.Errorf("the node %s has no image, no time to stop, or the port of another: %+v", name, s)
		}
		seen[s.Ports[0]] = true
		if _, ok := file.Volumes[name]; !ok || len(s.Volumes) == 0 || s.Volumes[0] != name+":/data" {
			t.Errorf("the node %s has no data folder of its own: %v", name, s.Volumes)
		}
		if !strings.Contains(s.Command, "--cluster-address "+name+":6445") {
			t.Errorf("the others do not find the node %s by its name: %s", name, s.Command)
		}
	}
	if len(file.Services) != 3 {
		t.Errorf("%d nodes, want 3", len(file.Services))
	}
	steps := regexp.MustCompile(`(?m)^#\s+docker compose (?:run --rm \w+|exec \w+ /accord) (.+?)(?:[ \t]+#.*)?$`).FindAllStringSubmatch(string(text), -1)
	for _, m := range steps {
		lines = append(lines, m[1])
	}
	if len(steps) < 6 {
		t.Errorf("the comment has %d commands of accord, want the way to three nodes", len(steps))
	}
	return lines
}

// unitLines returns the command lines of the units of systemd.
func unitLines(t *testing.T) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("../../deploy/*.service")
	if err != nil || len(files) < 3 {
		t.Fatalf("got the units %v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole := strings.ReplaceAll(string(text), "\\\n", " ")
		found := regexp.MustCompile(`(?m)^(?:ExecStart=|#.*:.*)\S*?(?:/bin/sh -c 'exec \S+|/accord|\baccord) ((?:serve|backup|cluster|apply) .*)$`).FindAllStringSubmatch(whole, -1)
		for _, m := range found {
			lines = append(lines, strings.TrimSuffix(m[1], "'"))
		}
		if len(found) == 0 {
			t.Errorf("%s starts nothing", name)
		}
	}
	return lines
}
