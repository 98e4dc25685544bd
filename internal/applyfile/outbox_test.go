package applyfile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/store"
)

const outboxFile = `
api_roots: [{name: root}]
parties: [{name: agency}]
agreements:
  - name: gsp
    api_root: root
    parties: [{party: agency, roles: [producer]}]
    release:
      - {to: {url: "https://taxii.example/r/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/", user: u, password_env: PW}, max_tlp: green}
`

// A release to another server makes an agreement of its own, which nobody but operators sees, and whose secret is not in the terms.
func TestAReleaseToAnotherServer(t *testing.T) {
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := load(t, outboxFile, "secret-of-u")
	plan, err := applyfile.NewPlan(s, f)
	if err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, st := range plan.Steps {
		if st.Create == nil {
			continue
		}
		made = append(made, string(st.Create.Name))
		document, err := st.Create.Document()
		if err != nil || strings.Contains(string(document), "secret-of-u") {
			t.Errorf("the document of the terms is %s %v", document, err)
		}
		if st.Create.Push != nil && (len(st.Create.Parties) > 0 || st.Create.Push.User != "u" || !slices.ContainsFunc(st.Warnings, func(w string) bool { return strings.Contains(w, "revoked version") })) {
			t.Errorf("the outbox is %+v, with the warnings %q", st.Create, st.Warnings)
		}
	}
	if len(made) != 2 || made[1] != "gsp" || !strings.HasPrefix(made[0], "gsp-to-taxii-example-") {
		t.Errorf("made are %q", made)
	}
	again, err := applyfile.Parse("f", []byte(outboxFile))
	if err != nil || again == nil {
		t.Fatal(err)
	}
}

func TestFaultsOfAReleaseToAnotherServer(t *testing.T) {
	for what, want := range map[string]string{
		`{url: "http://taxii.example/r/collections/x/"}`: "not https",
		`{user: u}`: "has no url",
		`{url: "https://t.example/r/collections/x/", user: u}`:            "a user without password_env",
		`{url: "https://t.example/r/collections/x/", gone: withdraw}`:     "unknown key",
		`{url: "https://t.example/r/collections/x/", password: in-clear}`: "unknown key",
	} {
		text := outboxFile[:strings.Index(outboxFile, "      - {to:")] + "      - {to: " + what + "}\n"
		if _, err := applyfile.Parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", what, err, want)
		}
	}
}
