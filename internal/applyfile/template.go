package applyfile

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
)

//go:embed templates/*.yaml
var templates embed.FS

// Templates lists the templates of agreements.
func Templates() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		return nil // embedded: it is there
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Template returns an apply file to begin an agreement with.
func Template(name string) ([]byte, error) {
	if !slices.Contains(Templates(), name) {
		return nil, fmt.Errorf("there is no template %q, want %s", name, strings.Join(Templates(), ", "))
	}
	return templates.ReadFile("templates/" + name + ".yaml")
}

// Compare lists how the terms of an agreement would differ by an apply file: a file that leaves terms out asks for their defaults.
func Compare(now *agreement.Agreement, name string, text []byte) ([]TermDiff, error) {
	file, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(file.agreements, func(e agreementEntry) bool { return e.Name == now.Name })
	if i < 0 {
		return nil, fmt.Errorf("%s has no agreement %s", name, now.Name)
	}
	want := file.agreements[i].Canonical()
	if want.Collection.ID == (uuid.UUID{}) {
		want.Collection.ID = now.Collection.ID
	}
	want.Suspended, want.Terminated, want.Feedback = now.Suspended, now.Terminated, now.Feedback
	for i := range want.Parties { // declared with the party
		if m, ok := now.Member(want.Parties[i].Party); ok {
			want.Parties[i].Identity = m.Identity
		}
	}
	return termChanges(now, want)
}
