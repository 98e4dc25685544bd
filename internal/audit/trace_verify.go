package audit

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Traced is what a trace proves.
type Traced struct {
	Object   string          `json:"object"`
	Versions []TracedVersion `json:"versions"`
}

// TracedVersion is the proved way of one version.
type TracedVersion struct {
	Version string       `json:"version,omitempty"`
	Steps   []TracedStep `json:"steps"`         // from where it was asked for back to where it began
	Whole   bool         `json:"whole"`         // the last step is where an account added it
	Why     string       `json:"why,omitempty"` // it goes no further
	Content bool         `json:"content"`       // the text that the server gives now has the digest of the first step
}

// TracedStep is an entry that is proved to be in a signed journal.
type TracedStep struct {
	Record
	By       string `json:"by,omitempty"`  // how the step before took it from here
	URL      string `json:"url,omitempty"` // of the collection that was followed
	Origin   string `json:"origin"`        // of the journal: the name of the server and the id of the collection
	Entries  uint64 `json:"entries"`       // of the journal, under its head
	SignedBy string `json:"signed_by"`
	Trusted  bool   `json:"trusted"`         // the key, or one that named it, was given
	Alias    bool   `json:"alias,omitempty"` // the URL has an alias: that it is the collection of this journal is the word of the server that followed it
}

// Whole reports whether the way of every version is proved to its beginning.
func (t Traced) Whole() bool {
	return !slices.ContainsFunc(t.Versions, func(v TracedVersion) bool { return !v.Whole })
}

// Trace asks where an agreement has an object from, and verifies the answer: every entry is in a journal whose head is signed, and
// each is the one that the entry before names, about the same version with the same digest. trusted are verifier keys; a server
// none of them is of is believed to be who it says. The error is a *journal.SignatureError, *journal.ProofError or *EvidenceError if
// the answer does not hold.
func (c *Client) Trace(ctx context.Context, name agreement.Name, object string, trusted []string) (Traced, error) {
	text, err := c.Fetch(ctx, ofAgreement(name, "trace/?object="+url.QueryEscape(object)))
	if err != nil {
		return Traced{}, err
	}
	t, err := ParseTrace(text)
	if err != nil {
		return Traced{}, err
	}
	if t.Object != object {
		return Traced{}, &EvidenceError{"trace", fmt.Sprintf("it is about %s, expected %s", journal.CleanText(t.Object), object)}
	}
	proved, err := t.Verify(trusted)
	if err != nil {
		return Traced{}, err
	}
	for i := range proved.Versions {
		first := &proved.Versions[i].Steps[0]
		text, err := c.Content(ctx, name, first.Position)
		if err != nil {
			continue // it is gone, or this account may not read it
		}
		if sum := sha256.Sum256(text); hexDigest(sum) != first.Digest {
			return Traced{}, &EvidenceError{"content", fmt.Sprintf("the object's text has not the digest that the entry at %d has", first.Position)}
		}
		proved.Versions[i].Content = true
	}
	return proved, nil
}

// Verify checks a trace by itself.
func (t Trace) Verify(trusted []string) (Traced, error) {
	proved := Traced{Object: t.Object}
	for i, v := range t.Versions {
		if len(v.Links) == 0 || len(v.Links) > mostSteps {
			return Traced{}, &EvidenceError{"trace", fmt.Sprintf("version %d has %d steps, expected 1 to %d", i+1, len(v.Links), mostSteps)}
		}
		out := TracedVersion{Version: v.Version, Why: journal.CleanText(v.Why)}
		var before *journal.Entry
		for n := range v.Links {
			step, e, err := v.Links[n].verify(trusted)
			if err == nil {
				err = v.Links[n].follows(before, &e, &step, t.Object, v.Version, out.Steps)
			}
			if err != nil {
				return Traced{}, fmt.Errorf("version %s, step %d: %w", journal.CleanText(v.Version), n+1, err)
			}
			out.Steps, before = append(out.Steps, step), &e
		}
		out.judge(before.Source.IsZero(), len(trusted) > 0)
		proved.Versions = append(proved.Versions, out)
	}
	if len(proved.Versions) == 0 {
		return Traced{}, &EvidenceError{"trace", "it has no versions"}
	}
	return proved, nil
}

// judge says whether the way is proved to its beginning. Where keys are given, each step must bear one of them.
func (v *TracedVersion) judge(atOrigin, keysGiven bool) {
	unknown := slices.IndexFunc(v.Steps, func(s TracedStep) bool { return !s.Trusted })
	switch {
	case !atOrigin && v.Why == "":
		v.Why = "the server does not say why"
	case !atOrigin:
	case keysGiven && unknown >= 0:
		v.Why = fmt.Sprintf("step %d is signed by %s, which is none of the keys that were given", unknown+1, v.Steps[unknown].SignedBy)
	default:
		v.Whole, v.Why = true, ""
	}
}

// verify proves that the entry is in the journal whose head the link has.
func (l TraceLink) verify(trusted []string) (TracedStep, journal.Entry, error) {
	head, by, known, err := l.head(trusted)
	if err != nil {
		return TracedStep{}, journal.Entry{}, err
	}
	id, err := head.Collection()
	if err == nil {
		err = head.CheckOrigin(by, id)
	}
	if err != nil {
		return TracedStep{}, journal.Entry{}, err
	}
	if err := journal.CheckEntry(l.Entry, l.Position, l.Proof, head); err != nil {
		return TracedStep{}, journal.Entry{}, err
	}
	e, err := journal.ParseEntry(l.Entry)
	if err == nil {
		err = e.Check()
	}
	if err != nil {
		return TracedStep{}, journal.Entry{}, &journal.EntryError{Position: l.Position, Problem: err.Error()}
	}
	return TracedStep{Record: RecordOf(l.Position, e), By: l.By, URL: journal.CleanText(l.URL), Origin: head.Origin, Entries: head.Size, SignedBy: keyName(by), Trusted: known}, e, nil
}

// head opens the signed head: with the trusted keys if one of them is of the server that signed, else with the key that the server
// names. A server whose key is trusted cannot sign with another one.
func (l TraceLink) head(trusted []string) (c journal.Checkpoint, by note.Verifier, known bool, err error) {
	list := KeyList{Key: l.Key, Successions: l.Successions}
	claimed, err := journal.ReadCheckpoint([]byte(l.Checkpoint))
	if err != nil {
		return c, nil, false, &journal.SignatureError{Reason: err.Error()}
	}
	server, _, _ := strings.Cut(claimed.Origin, "/")
	var own []string
	for _, text := range trusted {
		if name, _, _ := strings.Cut(text, "+"); name == server {
			own = append(own, text)
		}
	}
	for _, signed := range l.Successions {
		if key, _, err := journal.ParseSuccession([]byte(signed)); err == nil {
			list.Retired = append(list.Retired, key)
		}
	}
	keys, err := trustedKeys(own, list)
	if err != nil {
		return c, nil, false, &journal.SignatureError{Reason: err.Error()}
	}
	known = len(own) > 0
	if known && server == store.DefaultServerName { // many servers have that name
		if _, _, err := journal.OpenCheckpoint([]byte(l.Checkpoint), keys); err != nil {
			known = false
			if keys, err = trustedKeys(nil, list); err != nil {
				return c, nil, false, &journal.SignatureError{Reason: err.Error()}
			}
		}
	}
	if c, by, err = journal.OpenCheckpoint([]byte(l.Checkpoint), keys); err != nil {
		return c, nil, false, err
	}
	if journal.Retired(by, list.notes()) {
		return c, nil, false, &journal.SignatureError{Reason: fmt.Sprintf("the head is signed by %s, which has named a successor", keyName(by))}
	}
	return c, by, known, nil
}

// follows checks that a step is the one that the step before names.
func (l TraceLink) follows(before, e *journal.Entry, step *TracedStep, object, version string, earlier []TracedStep) error {
	id, err := journal.Checkpoint{Origin: step.Origin}.Collection()
	if err != nil {
		return err
	}
	wrong := func(format string, args ...any) error {
		return &EvidenceError{"chain", journal.CleanText(fmt.Sprintf(format, args...))}
	}
	switch {
	case e.Kind != journal.Added:
		return wrong("the entry at %d of %s added nothing", l.Position, step.Origin)
	case e.Object != object || e.Version != version:
		return wrong("the entry at %d of %s is about %s version %s", l.Position, step.Origin, e.Object, e.Version)
	case before == nil && l.By != "":
		return wrong("the first step cannot have been taken by a %s", l.By)
	case before == nil:
		return nil
	case e.Digest != before.Digest || e.Size != before.Size:
		return wrong("the entry at %d of %s has another text", l.Position, step.Origin)
	case before.Source.Position != l.Position:
		return wrong("the step before names the position %d, and this one is at %d", before.Source.Position, l.Position)
	}
	last := earlier[len(earlier)-1].Origin
	switch l.By {
	case ByRelease:
		here, _, _ := strings.Cut(last, "/")
		if there, _, _ := strings.Cut(step.Origin, "/"); here != there {
			return wrong("a release stays on its server, and the step before is of %s, this one of %s", last, step.Origin)
		}
		if before.Source.Collection != id {
			return wrong("the step before names the collection %s, and this one is of %s", before.Source.Collection, step.Origin)
		}
	case ByMirror:
		if before.Source.Collection != mirrorSource(l.URL) {
			return wrong("the step before names another address than %s", l.URL)
		}
		if named, err := uuid.Parse(collectionIn(l.URL)); err != nil {
			step.Alias = true
		} else if named != id {
			return wrong("the address that was followed is of the collection %s, and this step of %s", named, step.Origin)
		}
	default:
		return wrong("the step is by %q, expected %s or %s", l.By, ByRelease, ByMirror)
	}
	return nil
}

// mirrorSource is the collection that entries name as the source of what a mirror brought from a URL: see mirror.Source.
func mirrorSource(url string) uuid.UUID {
	return uuid.NewHash(sha1.New(), uuid.NameSpaceURL, []byte(url), 5)
}

// collectionIn returns the id or alias in the URL of a collection.
func collectionIn(address string) string {
	_, after, _ := strings.Cut(address, "/collections/")
	id, _, _ := strings.Cut(after, "/")
	return id
}
