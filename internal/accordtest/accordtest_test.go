package accordtest_test

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/validate"
	"github.com/accord-taxii/accord/store/journal"
)

func TestObjectsAreValid(t *testing.T) {
	for name, text := range map[string][]byte{
		"indicator": accordtest.Indicator(3, 1), "tool": accordtest.Tool(3, 1), "tool of STIX 2.0": accordtest.Tool20(3, 1), "domain": accordtest.Domain("x"),
	} {
		var tree ijson.Tree
		object, findings := validate.Parse(text, &tree, ijson.Limits{})
		if findings = append(findings, validate.Object(object, validate.Options{SpecVersions: []string{"2.0", "2.1"}})...); validate.Invalid(findings) {
			t.Errorf("%s: got %v", name, findings)
		}
	}
}

// The entries that the tests of history count on.
func TestAFilledIntakeHasTheEntriesThatItsCommentNames(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	type act struct {
		kind    journal.Kind
		account string
	}
	var got []act
	err := s.Collection(accordtest.Intake).Entries(1, 100, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		got = append(got, act{e.Kind, e.Account})
		return true
	})
	want := []act{{journal.Terms, got[0].account}}
	want = append(want, slices.Repeat([]act{{journal.Added, accordtest.Vendor}}, 5)...)
	want = append(want, slices.Repeat([]act{{journal.Added, accordtest.Agency}}, 3)...)
	want = append(want, act{journal.Deleted, accordtest.Agency})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestAClockStandsWhileItIsSet(t *testing.T) {
	c, at := new(accordtest.Clock), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c.Set(at)
	if got := c.Now(); !got.Equal(at) {
		t.Errorf("set: got %v, want %v", got, at)
	}
	c.Set(time.Time{})
	if got := time.Since(c.Now()); got < 0 || got > time.Hour {
		t.Errorf("not set: got a time %v ago", got)
	}
}

func TestAProcessIsWatched(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	start := func(script string) *accordtest.Process {
		t.Helper()
		p, err := accordtest.StartProcess(exec.Command("sh", "-c", script), nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const listening = `echo '{"message":"listening","url":"http://127.0.0.1:1/taxii2/"}' >&2; `
	p := start(listening + `echo plain text >&2; exit 3`)
	if err := p.Listening(); err != nil || p.URL != "http://127.0.0.1:1" {
		t.Errorf("listening: got %q, %v", p.URL, err)
	}
	if _, err := p.Said("never"); err == nil || !strings.Contains(err.Error(), "plain text") {
		t.Errorf("a line that never comes: got %v, want an error with the log", err)
	}
	if code, err := p.Wait(); code != 3 || err != nil {
		t.Errorf("exit: got %d, %v, want 3", code, err)
	}
	p = start(`trap 'exit 0' TERM; ` + listening + `while :; do sleep 0.02; done`)
	if err := p.Listening(); err != nil {
		t.Fatal(err)
	}
	if err := p.Terminate(); err != nil {
		t.Errorf("an orderly end: got %v", err)
	}
	p = start(listening + `exec sleep 100`)
	if err := p.Listening(); err != nil {
		t.Fatal(err)
	}
	if err := p.Terminate(); err == nil {
		t.Error("an end by the signal itself: got no error")
	}
}
