package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// rawsOf reads a journal's entries.
func rawsOf(t *testing.T, c *audit.Client) (raws [][]byte) {
	t.Helper()
	page, err := c.Entries(context.Background(), accordtest.Intake, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		raws = append(raws, e.Bytes)
	}
	return raws
}

// A server that signs what breaks the table of doc/history.md after the kept head is caught, too.
func TestSignedEntriesThatBreakTheTableAreRefused(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	kept, err := honest.Checkpoint(ctx, accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	raws := rawsOf(t, honest)
	good := mustEntry(t, raws[1])
	good.At = s.Clock.Now().Add(time.Hour)
	for name, change := range map[string]func(*journal.Entry){
		"an addition without digest": func(e *journal.Entry) { e.Digest = journal.Digest{} },
		"an addition without object": func(e *journal.Entry) { e.Object = "" },
		"a kind of the server's": func(e *journal.Entry) {
			*e = journal.Entry{Kind: journal.Admin, At: e.At, Act: "create", Subject: "account x"}
		},
		"a subject":                   func(e *journal.Entry) { e.Subject = "account x" },
		"a marking above red":         func(e *journal.Entry) { e.TLP = 6 },
		"an unknown spec version":     func(e *journal.Entry) { e.SpecVersion = "3.0" },
		"an entry from the year 2100": func(e *journal.Entry) { e.At = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		e := good
		change(&e)
		lying := liarUnchecked(t, s, append(raws[:len(raws):len(raws)], e.Append(nil)), accordtest.IntakeID.String())
		lying.Now = s.Clock.Now
		var entry *journal.EntryError
		if _, err := lying.Verify(ctx, audit.Verification{Agreement: accordtest.Intake, Kept: kept}); !errors.As(err, &entry) || entry.Position != 11 {
			t.Errorf("%s: got %v, want a *journal.EntryError at 11", name, err)
		}
	}
}

// liarUnchecked is a server with the true key that signs any entries, under any name of a collection.
func liarUnchecked(t *testing.T, s *accordtest.Server, raws [][]byte, collection string) *audit.Client {
	t.Helper()
	hashes := journal.TreeOf(raws)
	root, err := hashes.Root(hashes.Size())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := readKey(s)
	if err != nil {
		t.Fatal(err)
	}
	head := journal.Checkpoint{Origin: store.DefaultServerName + "/" + collection, Size: uint64(len(raws)), Root: root}
	signed, err := head.Sign(secret)
	if err != nil {
		t.Fatal(err)
	}
	honest := auditorAs(t, s, accordtest.Operator)
	return &audit.Client{Fetch: func(ctx context.Context, path string) ([]byte, error) {
		switch {
		case strings.HasSuffix(path, "checkpoint"):
			return signed, nil
		case strings.Contains(path, "entries/"):
			page := audit.RawEntries{Size: head.Size}
			for i, raw := range raws {
				page.Entries = append(page.Entries, audit.RawEntry{Position: journal.Position(i + 1), Bytes: raw})
			}
			return json.Marshal(page)
		case strings.Contains(path, "proof/?entry=1&"):
			proof, err := journal.ProveEntry(1, head.Size, hashes)
			if err != nil {
				return nil, err
			}
			return json.Marshal(audit.Proof{Hashes: proof})
		case strings.Contains(path, "proof/?from=10&"):
			proof, err := journal.ProveConsistency(10, head.Size, hashes)
			if err != nil {
				return nil, err
			}
			return json.Marshal(audit.Proof{Hashes: proof})
		}
		return honest.Fetch(ctx, path)
	}}
}

// At a first visit, a journal passes only under the name and the origin that its first terms and its key bear.
func TestAJournalPassesUnderItsOwnNameOnly(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	other := forged(honest, func(path string, body []byte) []byte { // answers about intake with gsp
		if rest, ok := strings.CutPrefix(path, "agreements/"+accordtest.Intake+"/"); ok {
			got, err := honest.Fetch(ctx, "agreements/"+accordtest.Programme+"/"+rest)
			if err != nil {
				t.Error(err)
			}
			return got
		}
		return body
	})
	var mismatch *audit.MismatchError
	for _, quick := range []bool{true, false} {
		if got, err := other.Verify(ctx, audit.Verification{Agreement: accordtest.Intake, Quick: quick}); !errors.As(err, &mismatch) ||
			!strings.Contains(err.Error(), accordtest.Programme) || !strings.Contains(err.Error(), accordtest.Intake) {
			t.Errorf("another agreement's journal (quick %v): got %v and error %v, want an error with both names", quick, got, err)
		}
	}
	raws := rawsOf(t, honest)
	for _, collection := range []string{"", "x", accordtest.ProgrammeID.String()} {
		lying := liarUnchecked(t, s, raws, collection)
		if _, err := lying.Verify(ctx, audit.Verification{Agreement: accordtest.Intake}); !errors.As(err, &mismatch) {
			t.Errorf("the origin accord/%s: got %v, want a *MismatchError", collection, err)
		}
	}
	verdict, err := honest.Verify(ctx, audit.Verification{Agreement: accordtest.Intake})
	if err != nil || verdict.Named != accordtest.Intake {
		t.Errorf("the true journal: got %v and error %v", verdict, err)
	}
}

// A key that has named its successor signs nothing newer, though heads that it signed earlier stay good.
func TestARetiredKeySignsNoHeadOfToday(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	keys, err := honest.Keys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := honest.Checkpoint(ctx, accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.Store.Keys("")
	if err == nil {
		err = k.Rotate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	v := audit.Verification{Agreement: accordtest.Intake, Kept: kept, Keys: []string{keys.Key}}
	if _, err := honest.Verify(ctx, v); err != nil {
		t.Errorf("a head of the new key: got %v", err)
	}
	stolen := forged(honest, func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "checkpoint") {
			return kept
		}
		return body
	})
	var signature *journal.SignatureError
	if _, err := stolen.Verify(ctx, v); !errors.As(err, &signature) || !strings.Contains(err.Error(), "successor") {
		t.Errorf("a head of today by the retired key: got %v, want a *journal.SignatureError", err)
	}
}

// Evidence that leaves out a removal says that it is not complete, and cannot say that it is.
func TestEvidenceIsCompleteOrSaysThatItIsNot(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	id := accordtest.IndicatorID(5) // was deleted
	ev, err := honest.Prove(ctx, accordtest.Intake, audit.Asked{Object: id})
	if err != nil {
		t.Fatal(err)
	}
	ev.Entries = ev.Entries[:1]
	proved, err := ev.Verify(audit.Trust{})
	if err != nil || proved.Complete || !strings.HasPrefix(proved.String(), "NOT PROVED COMPLETE:") {
		t.Errorf("without the removal: got %v and error %v", proved, err)
	}
	ev, err = honest.Prove(ctx, accordtest.Intake, audit.Asked{Object: id, Complete: true})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(ev)
	if err == nil {
		ev, err = audit.ParseEvidence(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	if proved, err := ev.Verify(audit.Trust{}); err != nil || !proved.Complete || !strings.HasPrefix(proved.String(), "PROVED COMPLETE:") {
		t.Errorf("with the whole journal: got %v and error %v", proved, err)
	}
	less, part := ev, new(audit.EvidenceError)
	less.Entries = ev.Entries[:1]
	if _, err := less.Verify(audit.Trust{}); !errors.As(err, &part) || part.Part != "completeness" {
		t.Errorf("the whole journal without the removal among the entries: got %v", err)
	}
	less = ev
	less.Journal = ev.Journal[:len(ev.Journal)-1]
	var proof *journal.ProofError
	if _, err := less.Verify(audit.Trust{}); !errors.As(err, &proof) {
		t.Errorf("a journal without its last entry: got %v", err)
	}
}

// Evidence of a forked journal does not pass for a reader who kept a head.
func TestEvidenceMustContinueAKeptCheckpoint(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	kept, err := honest.Checkpoint(ctx, accordtest.Intake)
	if err != nil {
		t.Fatal(err)
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicators(20, 25)...)
	id := accordtest.IndicatorID(20)
	plain, err := honest.Prove(ctx, accordtest.Intake, audit.Asked{Object: id})
	if err != nil {
		t.Fatal(err)
	}
	var part *audit.EvidenceError
	if _, err := plain.Verify(audit.Trust{Kept: kept}); !errors.As(err, &part) || part.Part != "consistency" {
		t.Errorf("without a proof: got %v, want an *EvidenceError", err)
	}
	for name, asked := range map[string]audit.Asked{"with a proof": {Object: id, Kept: kept}, "complete": {Object: id, Complete: true}} {
		ev, err := honest.Prove(ctx, accordtest.Intake, asked)
		if err != nil {
			t.Fatal(err)
		}
		if proved, err := ev.Verify(audit.Trust{Kept: kept}); err != nil || proved.KeptSize != 10 {
			t.Errorf("%s: got %+v and error %v", name, proved, err)
		}
		raws := rawsOf(t, honest)
		e := mustEntry(t, raws[3])
		e.Reason = "rewritten"
		raws[3] = e.Append(nil)
		root, err := journal.TreeOf(raws).Root(10)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := readKey(s)
		if err != nil {
			t.Fatal(err)
		}
		other, err := journal.Checkpoint{Origin: "accord/" + accordtest.IntakeID.String(), Size: 10, Root: root}.Sign(secret)
		if err != nil {
			t.Fatal(err)
		}
		var proof *journal.ProofError
		if _, err := ev.Verify(audit.Trust{Kept: other}); !errors.As(err, &proof) {
			t.Errorf("%s, of another journal than the kept head's: got %v, want a *journal.ProofError", name, err)
		}
	}
}

// prove writes nothing that a reader could not verify.
func TestProvingVerifiesWhatTheServerAnswers(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	for name, part := range map[string]string{"wrong proofs": "proof/?entry=3", "the entry of another object": "entry/?entry=3", "other terms": "terms/?entry=1"} {
		lying := forged(honest, func(path string, body []byte) []byte {
			if !strings.Contains(path, part) {
				return body
			}
			switch name {
			case "wrong proofs":
				return []byte(`{"hashes":[]}`)
			case "other terms":
				return bytes.Replace(body, []byte(accordtest.Intake), []byte("outtake"), 1)
			}
			got, err := honest.Fetch(ctx, "agreements/"+accordtest.Intake+"/entry/?entry=4")
			if err != nil {
				t.Error(err)
			}
			return got
		})
		if ev, err := lying.Prove(ctx, accordtest.Intake, audit.Asked{Object: accordtest.IndicatorID(1)}); err == nil || ev.Entries != nil {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
}

func TestEvidenceHasOneSpelling(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ev, err := auditorAs(t, s, accordtest.Operator).Prove(context.Background(), accordtest.Intake, audit.Asked{Object: accordtest.IndicatorID(5)})
	if err != nil {
		t.Fatal(err)
	}
	good, err := json.MarshalIndent(ev, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.ParseEvidence(append(good, '\n')); err != nil {
		t.Fatal(err)
	}
	twice := ev
	twice.Entries = []audit.EvidenceEntry{ev.Entries[0], ev.Entries[0]}
	again, _ := json.Marshal(twice)
	backwards := ev
	backwards.Entries = []audit.EvidenceEntry{ev.Entries[1], ev.Entries[0]}
	reversed, _ := json.Marshal(backwards)
	for name, text := range map[string]string{
		"an entry twice":            string(again),
		"entries backwards":         string(reversed),
		"text after the end":        string(good) + "{}",
		"a member twice":            strings.Replace(string(good), `"format":`, `"object": "x", "format":`, 1),
		"a member in other letters": strings.Replace(string(good), `"format":`, `"Format":`, 1),
		"an unknown member":         strings.Replace(string(good), `"format":`, `"note": 1, "format":`, 1),
	} {
		if _, err := audit.ParseEvidence([]byte(text)); err == nil {
			t.Errorf("%s: got accepted", name)
		}
	}
}

// What history prints from a server is what the journal says.
func TestHistoryFromAServerIsCheckedBeforeItIsShown(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	ctx, honest := context.Background(), auditorAs(t, s, accordtest.Operator)
	v := audit.Verification{Agreement: accordtest.Intake}
	count := func(c *audit.Client, object string) (n int, err error) {
		_, err = c.VerifiedHistory(ctx, v, object, func(audit.Record) error { n++; return nil })
		return n, err
	}
	if n, err := count(honest, ""); n != 10 || err != nil {
		t.Errorf("got %d entries and error %v, want 10", n, err)
	}
	if n, err := count(honest, accordtest.IndicatorID(5)); n != 2 || err != nil {
		t.Errorf("got %d entries and error %v, want 2", n, err)
	}
	for what, change := range map[string]func(*audit.Record){
		"another account": func(r *audit.Record) { r.Account = "innocent" },
		"another time":    func(r *audit.Record) { r.At = r.At.Add(time.Second) },
		"another digest":  func(r *audit.Record) { r.Digest = strings.Repeat("0", 64) },
		"another marking": func(r *audit.Record) { r.TLP = "red" },
		"another kind":    func(r *audit.Record) { r.Kind = "deleted" },
		"another place":   func(r *audit.Record) { r.Position++ },
	} {
		lying := forged(honest, func(path string, body []byte) []byte {
			if !strings.Contains(path, "history/") {
				return body
			}
			var h audit.History
			if err := json.Unmarshal(body, &h); err != nil {
				t.Error(err)
			}
			change(&h.Entries[0])
			body, _ = json.Marshal(h)
			return body
		})
		if n, err := count(lying, accordtest.IndicatorID(0)); err == nil || n != 0 {
			t.Errorf("%s: got %d entries shown and error %v", what, n, err)
		}
	}
}

// A consumer verifies heads and their growth, and inclusion of what its party was given; an entry that names another party is not
// shown to it.
func TestConsumersVerifyToo(t *testing.T) {
	s := accordtest.New(t)
	ctx := context.Background()
	source := journal.Source{Collection: accordtest.ProgrammeID, Position: 7}
	var changes []store.Change
	for i, raw := range accordtest.Indicators(0, 2) {
		var tree ijson.Tree
		if err := tree.Parse(raw, ijson.Limits{}); err != nil {
			t.Fatal(err)
		}
		add := store.Change{Add: &store.Addition{Object: stix.FromTree(&tree), Source: source}}
		add.Add.Source.Position += journal.Position(i)
		changes = append(changes, add)
	}
	if _, err := s.Collection(accordtest.Circle).Append(ctx, store.Batch{Changes: changes}); err != nil {
		t.Fatal(err)
	}
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(2, 3)...)
	member := auditorAs(t, s, accordtest.Member)
	kept, err := member.Checkpoint(ctx, accordtest.Circle)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.EntryProof(ctx, accordtest.Circle, 2, 4); err == nil {
		t.Error("inclusion of a version that was not delivered: got a proof")
	}
	s.Get(accordtest.Member, accordtest.Path(accordtest.Circle)+"objects/")
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(3, 4)...)
	verdict, err := member.Verify(ctx, audit.Verification{Agreement: accordtest.Circle, Kept: kept, Quick: true})
	if err != nil || verdict.KeptSize != 4 || verdict.Size != 5 || verdict.Named != "" || !strings.Contains(verdict.String(), "Not proved: which agreement") {
		t.Errorf("heads: got %v and error %v", verdict, err)
	}
	raw, err := member.RawEntry(ctx, accordtest.Circle, 2)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := member.EntryProof(ctx, accordtest.Circle, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	head, err := journal.ReadCheckpoint(kept)
	if err == nil {
		err = journal.CheckEntry(raw, 2, proof.Hashes, head)
	}
	if err != nil {
		t.Errorf("inclusion of a version that was received: %v", err)
	}
	if _, err := member.RawEntry(ctx, accordtest.Circle, 4); err == nil {
		t.Error("an entry that names the agency: got it")
	}
	if _, err := member.Verify(ctx, audit.Verification{Agreement: accordtest.Circle}); err == nil {
		t.Error("every entry: got them verified by a consumer")
	}
}
