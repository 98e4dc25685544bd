package control_test

import (
	"errors"
	"testing"

	"github.com/accord-taxii/accord/internal/control"
)

func TestCharactersThatActAreRefusedAndCleaned(t *testing.T) {
	for _, row := range []struct {
		text, clean string
		acts        bool
	}{
		{"Vendor Ltd. – Ärger, 東京", "Vendor Ltd. – Ärger, 東京", false},
		{"a\x1b[31mb", "a\uFFFD[31mb", true},
		{"two\nlines", "two\uFFFDlines", true},
		{"\u0085", "\uFFFD", true}, // C1
		{"txt\u202Eexe", "txt\uFFFDexe", true},
		{"a\u2028b", "a\uFFFDb", true},
		{"", "", false},
	} {
		if err := control.CheckLine(row.text); errors.Is(err, control.ErrActs) != row.acts {
			t.Errorf("CheckLine(%q) = %v, want an error: %v", row.text, err, row.acts)
		}
		if got := control.Clean(row.text); got != row.clean {
			t.Errorf("Clean(%q) = %q, want %q", row.text, got, row.clean)
		}
	}
}
