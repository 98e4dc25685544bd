package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// auditorAs asks a server as an account.
func auditorAs(t testing.TB, s *accordtest.Server, account string) *audit.Client {
	t.Helper()
	client, err := taxii.NewClient(taxii.ClientOptions{User: account, Password: accordtest.Password(account)})
	if err != nil {
		t.Fatal(err)
	}
	return admin.NewClient(s.URL+admin.Prefix, client).Audit()
}

func TestHistoryTellsWhatHappened(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	path := accordtest.Path(accordtest.Intake)
	s.Get(accordtest.Agency, path+"objects/?limit=3")
	s.Get(accordtest.Agency, path+"objects/"+accordtest.IndicatorID(0)+"/")
	s.Get(accordtest.Agency, "/taxii2/") // what was told before is over
	ctx, root := context.Background(), auditorAs(t, s, accordtest.Operator)
	whole, err := root.History(ctx, accordtest.Intake, "", 0)
	if err != nil || len(whole.Entries) != 10 || whole.More || len(whole.Terms) != 1 {
		t.Fatalf("got %+v and error %v", whole, err)
	}
	gone, err := root.History(ctx, accordtest.Intake, accordtest.IndicatorID(5), 0)
	if err != nil || len(gone.Entries) != 2 {
		t.Fatalf("got %+v and error %v", gone, err)
	}
	added, deleted := gone.Entries[0], gone.Entries[1]
	if added.Kind != "added" || *added.Present || added.Account != accordtest.Agency || added.Status == "" || added.Digest == "" || added.Terms.Since != 1 {
		t.Errorf("got %+v", added)
	}
	if deleted.Kind != "deleted" || deleted.Of != added.Position || deleted.Account != accordtest.Agency {
		t.Errorf("got %+v", deleted)
	}
	first, err := root.History(ctx, accordtest.Intake, accordtest.IndicatorID(0), 0)
	if err != nil || len(first.Entries) != 1 || !*first.Entries[0].Present || len(first.Entries[0].Received) != 2 || first.Entries[0].Received[1].Filter != "match[id]" {
		t.Errorf("got %+v and error %v, want a delivery with each of two filters", first, err)
	}
	own, err := auditorAs(t, s, accordtest.Vendor).History(ctx, accordtest.Intake, "", 0)
	if err != nil || len(own.Entries) != 5 || len(own.Terms) != 0 {
		t.Errorf("the vendor: got %d entries, %d terms and error %v, want 5 of its own", len(own.Entries), len(own.Terms), err)
	}
	var paged []audit.Record
	for page := (audit.History{More: true}); page.More; {
		body, err := root.Fetch(ctx, fmt.Sprintf("agreements/intake/history/?limit=3&after=%d", page.Next))
		if err != nil {
			t.Fatal(err)
		}
		page = audit.History{}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		paged = append(paged, page.Entries...)
	}
	if len(paged) != 10 || paged[9].Position != 10 {
		t.Errorf("got %d entries in pages of three, want 10", len(paged))
	}
	consumers, err := root.Consumers(ctx, accordtest.Intake)
	if err != nil || len(consumers.Consumers) != 2 || consumers.Consumers[0].Positions != 3 || consumers.Consumers[0].Behind != 5 || consumers.Consumers[1].Positions != 1 || consumers.Size != 10 {
		t.Errorf("got %+v and error %v, want 3 positions without a filter and one with", consumers, err)
	}
}

// forged is an auditor whose other side changes what the server says.
func forged(honest *audit.Client, change func(path string, body []byte) []byte) *audit.Client {
	return &audit.Client{Fetch: func(ctx context.Context, path string) ([]byte, error) {
		body, err := honest.Fetch(ctx, path)
		if err == nil {
			body = change(path, body)
		}
		return body, err
	}}
}

// liar is a server that has the true key and signs another history.
func liar(t *testing.T, s *accordtest.Server, raws [][]byte) *audit.Client {
	t.Helper()
	honest := auditorAs(t, s, accordtest.Operator)
	var v journal.Verification
	for _, raw := range raws {
		if _, err := v.Add(raw); err != nil {
			t.Fatalf("a forgery that any verifier notices: %v", err)
		}
	}
	secret, err := readKey(s)
	if err != nil {
		t.Fatal(err)
	}
	head := journal.Checkpoint{Origin: journal.Origin(store.DefaultServerName, accordtest.IntakeID), Size: v.Size(), Root: v.Root()}
	signed, err := head.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	return forged(honest, func(path string, body []byte) []byte {
		switch {
		case strings.HasSuffix(path, "checkpoint"):
			return signed
		case strings.Contains(path, "entries/"):
			var page audit.RawEntries
			for i, raw := range raws {
				page.Entries = append(page.Entries, audit.RawEntry{Position: journal.Position(i + 1), Bytes: raw})
			}
			body, _ = json.Marshal(page)
		}
		return body
	})
}

func readKey(s *accordtest.Server) (note.Signer, error) {
	f, err := http.Dir(s.Store.Dir()).Open("/keys/key")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return note.NewSigner(line)
}

// TestForgersAreCaught holds what an auditor relies on: an auditor with yesterday's checkpoint notices every change of what was
// before it, even by a server that signs its lies.
func TestForgersAreCaught(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	kept, err := honest.Checkpoint(ctx, accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicators(20, 25)...)
	keys, err := honest.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	page, err := honest.Entries(ctx, accordtest.Intake, 0, 1000)
	if err != nil || len(page.Entries) != 15 {
		t.Fatalf("got %d entries and error %v, want 15", len(page.Entries), err)
	}
	var raws [][]byte
	for _, e := range page.Entries {
		raws = append(raws, e.Bytes)
	}
	edit := func(i int, change func(*journal.Entry)) []byte {
		e, err := journal.ParseEntry(raws[i])
		if err != nil {
			t.Fatal(err)
		}
		change(&e)
		return e.Append(nil)
	}
	swapped := slices.Clone(raws)
	at3, at4 := mustEntry(t, raws[3]).At, mustEntry(t, raws[4]).At
	swapped[3] = edit(4, func(e *journal.Entry) { e.At = at3 })
	swapped[4] = edit(3, func(e *journal.Entry) { e.At = at4 })
	rewritten := slices.Clone(raws)
	rewritten[2] = edit(2, func(e *journal.Entry) { e.Party = "agency" })

	verification := func(quick bool) audit.Verification {
		return audit.Verification{Agreement: accordtest.Intake, Kept: kept, Keys: []string{keys.Key}, Quick: quick}
	}
	verdict, err := honest.Verify(ctx, verification(false))
	if err != nil || verdict.KeptSize != 10 || verdict.Size != 15 || !verdict.Entries || !verdict.Trusted || verdict.Removed != 1 {
		t.Fatalf("an honest server: got %+v and error %v", verdict, err)
	}
	for _, row := range []struct {
		name  string
		lying *audit.Client
	}{
		{"an entry is rewritten, and the lie is signed", liar(t, s, rewritten)},
		{"two entries change places, and the lie is signed", liar(t, s, swapped)},
		{"the last of then is dropped, and the lie is signed", liar(t, s, slices.Delete(slices.Clone(raws), 9, 10))},
		{"everything since, and some before, is dropped, and the lie is signed", liar(t, s, raws[:8])},
	} {
		for _, quick := range []bool{false, true} {
			var proof *journal.ProofError
			if _, err := row.lying.Verify(ctx, verification(quick)); !errors.As(err, &proof) {
				t.Errorf("%s (quick %v): got %v, want a *journal.ProofError", row.name, quick, err)
			}
		}
	}
	replace := func(part string, change func([]byte) []byte) *audit.Client {
		return forged(honest, func(path string, body []byte) []byte {
			if strings.Contains(path, part) {
				return change(body)
			}
			return body
		})
	}
	var signature *journal.SignatureError
	var proof *journal.ProofError
	var entry *journal.EntryError
	var mismatch *audit.MismatchError
	for _, row := range []struct {
		name  string
		lying *audit.Client
		want  any
	}{
		{"the head is not signed by the key", replace("checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("\n15\n"), []byte("\n14\n"), 1) }), &signature},
		{"the head is of another agreement", replace("checkpoint", func([]byte) []byte {
			b, err := honest.Checkpoint(ctx, accordtest.Programme)
			if err != nil {
				t.Error(err)
			}
			return b
		}), &mismatch},
		{"the proof of consistency is another", replace("proof/", func([]byte) []byte { return []byte(`{"hashes":[]}`) }), &proof},
		{"an entry is left out", replace("entries/", func(b []byte) []byte { return changePage(b, func(p *audit.RawEntries) { p.Entries = p.Entries[1:] }) }), &entry},
		{"no entries come", replace("entries/", func(b []byte) []byte { return changePage(b, func(p *audit.RawEntries) { p.Entries = nil }) }), &proof},
		{"an entry is cut", replace("entries/", func(b []byte) []byte {
			return changePage(b, func(p *audit.RawEntries) { p.Entries[12].Bytes = p.Entries[12].Bytes[:9] })
		}), &entry},
		{"an entry since then is rewritten, without a lie in the head", replace("entries/", func(b []byte) []byte {
			return changePage(b, func(p *audit.RawEntries) { p.Entries[12].Bytes = edit(12, func(e *journal.Entry) { e.Size++ }) })
		}), &proof},
	} {
		if _, err := row.lying.Verify(ctx, verification(false)); err == nil || !errors.As(err, row.want) {
			t.Errorf("%s: got %v, want a %T", row.name, err, row.want)
		}
	}
	// A new key that the old one did not name is not trusted; one that it did is. After the second rotation the first key signs no longer.
	rotated, err := s.Store.Keys("")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rotated.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := honest.Verify(ctx, verification(false)); err != nil {
			t.Errorf("after a rotation: got %v", err)
		}
	}
	if _, err := replace("keys/", func([]byte) []byte { return []byte(`{"name":"accord","key":"` + rotated.Key() + `"}`) }).Verify(ctx, verification(false)); !errors.As(err, &signature) {
		t.Errorf("a key without its succession: got %v, want a *journal.SignatureError", err)
	}
}

func mustEntry(t *testing.T, raw []byte) journal.Entry {
	t.Helper()
	e, err := journal.ParseEntry(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func changePage(body []byte, change func(*audit.RawEntries)) []byte {
	var page audit.RawEntries
	if json.Unmarshal(body, &page) != nil {
		return nil
	}
	change(&page)
	body, _ = json.Marshal(page)
	return body
}

// A damaged evidence file says what of it failed.
func TestDamagedEvidenceSaysWhatFailed(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	keys, err := honest.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	evidence := func() audit.Evidence {
		ev, err := honest.Prove(ctx, accordtest.Intake, audit.Asked{Object: accordtest.IndicatorID(1)})
		if err != nil || len(ev.Entries) != 1 || ev.Entries[0].Content == nil {
			t.Fatalf("got %+v and error %v", ev, err)
		}
		return ev
	}
	if proved, err := evidence().Verify(audit.Trust{Keys: []string{keys.Key}}); err != nil || !proved.Entries[0].Content || !strings.Contains(proved.String(), accordtest.IndicatorID(1)) {
		t.Errorf("intact evidence: got %v and error %v", proved, err)
	}
	for _, row := range []struct {
		name   string
		damage func(*audit.Evidence)
		want   string
	}{
		{"the head", func(ev *audit.Evidence) { ev.Checkpoint = strings.Replace(ev.Checkpoint, "\n10\n", "\n11\n", 1) }, "signature:"},
		{"the key", func(ev *audit.Evidence) { ev.Key = "accord+00000000+AAAA" }, "signature:"},
		{"the proof", func(ev *audit.Evidence) { ev.Entries[0].Proof[0][0] ^= 1 }, "proof:"},
		{"the position", func(ev *audit.Evidence) { ev.Entries[0].Position++ }, "proof:"},
		{"the entry", func(ev *audit.Evidence) { ev.Entries[0].Entry[0] = 9 }, "entry:"},
		{"the object", func(ev *audit.Evidence) { ev.Object = accordtest.IndicatorID(2) }, "entry:"},
		{"the content", func(ev *audit.Evidence) { ev.Entries[0].Content[5] ^= 1 }, "content:"},
	} {
		ev := evidence()
		row.damage(&ev)
		if proved, err := ev.Verify(audit.Trust{}); err == nil || !strings.HasPrefix(err.Error(), row.want) || proved.Entries != nil {
			t.Errorf("%s: got %v, want it to begin with %s", row.name, err, row.want)
		}
	}
	for _, text := range []string{"", "{}", `{"format":"accord-evidence-1"}`, `{"format":"other"}`, "[1]"} {
		if _, err := audit.ParseEvidence([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "file:") {
			t.Errorf("%q: got %v, want it to begin with file:", text, err)
		}
	}
	gone, err := honest.Prove(ctx, accordtest.Intake, audit.Asked{Object: accordtest.IndicatorID(5)})
	if err != nil || len(gone.Entries) != 2 || gone.Entries[0].Content != nil {
		t.Errorf("an object that was deleted: got %+v and error %v", gone, err)
	}
	own, err := auditorAs(t, s, accordtest.Vendor).Prove(ctx, accordtest.Intake, audit.Asked{Object: accordtest.IndicatorID(1)})
	if err != nil || own.Entries[0].Content == nil {
		t.Errorf("a producer about what it added: got error %v", err)
	}
}
