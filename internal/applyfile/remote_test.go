package applyfile_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/store"
)

const mirrorFile = `
api_roots: [{name: root}]
parties: [{name: agency}]
agreements:
  - name: copy
    api_root: root
    parties: [{party: agency, roles: [consumer]}]
    mirror: {url: "https://taxii.example/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/", user: u, password_env: PW, interval: 90s, gone: withdraw, match: {types: [tool, indicator]}}
`

// load reads a file with the secret in PW, as another process would: by a message.
func load(t *testing.T, text, secret string) *applyfile.File {
	t.Helper()
	f, err := applyfile.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	err = f.Resolve(applyfile.Passwords{Getenv: func(string) string { return secret }, ReadFile: os.ReadFile}, func(string) (string, error) { return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	return f.Message().File()
}

// A mirror's secret is kept beside the terms, not in them; it changes and goes with them.
func TestTheSecretOfAMirror(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	const name = "copy mirror https://taxii.example/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
	for _, row := range []struct{ text, secret, lines, kept string }{
		{mirrorFile, "first", "credentials copy: changed (secret)\nagreement copy: created", "first"},
		{mirrorFile, "first", "agreement copy: unchanged", "first"},
		{mirrorFile, "second", "credentials copy: changed (secret)\nagreement copy: unchanged", "second"},
		{strings.Replace(mirrorFile, "90s", "2m", 1), "second", "agreement copy: changed (mirror)", "second"},
		{mirrorFile[:strings.Index(mirrorFile, "    mirror")], "", "credentials copy: changed (secret dropped)\nagreement copy: changed (mirror)", ""},
	} {
		plan, err := applyfile.NewPlan(s, load(t, row.text, row.secret))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, st := range plan.Steps {
			if st.Kind == "agreement" || st.Kind == "credentials" {
				lines = append(lines, st.Line.String())
			}
			switch {
			case st.Registry != nil:
				err = s.Change(context.Background(), store.Actor{}, []store.RegistryChange{*st.Registry})
			case st.Create != nil:
				_, err = s.CreateAgreement(context.Background(), store.Actor{}, st.Create)
			case st.Terms != nil:
				col, _ := s.Collection(st.Terms.Name)
				_, err = col.Append(context.Background(), store.Batch{Changes: []store.Change{{Terms: &store.TermsChange{Agreement: st.Terms, Act: "change"}}}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(lines, "\n"); got != row.lines {
			t.Errorf("got\n%s\nwant\n%s", got, row.lines)
		}
		if got, _ := s.Registry().Credential(name); got != row.kept {
			t.Errorf("the secret is %q, want %q", got, row.kept)
		}
		col, _ := s.Collection("copy")
		if document, err := col.Agreement().Document(); err != nil || row.secret != "" && strings.Contains(string(document), row.secret) {
			t.Errorf("the document of the terms is %s %v", document, err)
		}
	}
}

func TestFaultsOfAMirror(t *testing.T) {
	for what, want := range map[string]string{
		`{url: "http://taxii.example/r/collections/x/"}`:                           "not https",
		`{url: "https://taxii.example/r/"}`:                                        "not the address of a collection",
		`{user: u}`:                                                                "has no url",
		`{url: "https://t.example/r/collections/x/", user: u}`:                     "a user without password_env",
		`{url: "https://t.example/r/collections/x/", password_env: P}`:             "a password without a user",
		`{url: "https://t.example/r/collections/x/", user: u, password: p}`:        "unknown key",
		`{url: "https://t.example/r/collections/x/", interval: 100ms}`:             "whole seconds",
		`{url: "https://t.example/r/collections/x/", gone: maybe}`:                 "mirror.gone",
		`{url: "https://t.example/r/collections/x/", match: {types: [indicatr]}}`:  "no object type",
		`{url: "https://t.example/r/collections/x/", token_env: A, token_file: B}`: "more than one secret",
		`{url: "https://t.example/r/collections/x/", certificate: F}`:              "without the other",
		`{url: "https://u:p@t.example/r/collections/x/"}`:                          "has a user",
	} {
		text := mirrorFile[:strings.Index(mirrorFile, "mirror:")] + "mirror: " + what + "\n"
		_, err := applyfile.Parse("f", []byte(text))
		var faults *applyfile.Error
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
}
