package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// The site is made of the documents as they are: each is in a chapter, and every link leads somewhere.
func TestTheSiteOfThisProject(t *testing.T) {
	out := t.TempDir()
	if err := build(os.DirFS("../.."), "", out); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(out, "index.html"))
	if err != nil || !strings.Contains(string(index), `href="doc/operations.html"`) || strings.Contains(string(index), "<script") {
		t.Errorf("the first page: %v", err)
	}
	operations, err := os.ReadFile(filepath.Join(out, "doc", "operations.html"))
	if err != nil || !strings.Contains(string(operations), `href="../doc/reliability.html"`) || !strings.Contains(string(operations), "<table>") {
		t.Errorf("the page about operations: %v", err)
	}
}

func TestLinksThatLeadNowhereAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[x](nothing.md)":                "is not there",
		"[x](doc/agreements.md#no-such)": "no such heading",
		"[x](#no-such)":                  "no such heading",
	} {
		project := fstest.MapFS{}
		for _, c := range chapters {
			for _, source := range c.pages {
				if !strings.HasSuffix(source, "/") {
					project[source] = &fstest.MapFile{Data: []byte("# Title\n")}
				}
			}
		}
		project["README.md"] = &fstest.MapFile{Data: []byte("# Accord\n\n" + text + "\n")}
		if err := build(project, "", t.TempDir()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
