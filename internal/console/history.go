package console

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/store/journal"
)

// pageEntries is how many entries a page of history has.
const pageEntries = 100

// historyPage is a page of an agreement's journal, or of the server's.
type historyPage struct {
	Agreement string
	Entries   []audit.Record
	More      string
	After     journal.Position
	Own       bool // only what the account's party added
}

// showHistory answers: what happened under this agreement?
func showHistory(p *page) error {
	name := p.r.PathValue("name")
	answer, err := ask[audit.History](p, apiAgreement(name)+"history/"+query("after", decimal(p.number("after")), "limit", decimal(pageEntries)))
	if err != nil {
		return err
	}
	v := historyPage{Agreement: name, Entries: answer.Entries, After: journal.Position(p.number("after"))}
	if answer.More {
		v.More = agreementPath(agreement.Name(name)) + "history/" + query("after", decimal(uint64(answer.Next)))
	}
	return p.show(http.StatusOK, "history", "History of "+name, v,
		command{"The whole journal:", "accord history --agreement " + quote(name) + " " + p.remote()})
}

// timelinePage is what became of one object under one agreement.
type timelinePage struct {
	Agreement, ID string
	Entries       []audit.Record
	More          bool
	Told          []told
	Versions      []audit.DeliveredVersion
	Lost          *delivery.Lost
	NotNoted      bool
	State         *admin.ObjectState // for operators
	Operator      bool
	Present       bool
	Feedback      []labelled // what came back about it from where it was released to, by type
}

// told is a party that received the object, and would have to be told of a withdrawal.
type told struct {
	Party, Account string
	First, Last    time.Time
	Versions       int
	Times          uint64
}

// showTimeline answers: who added each version, where was it released to, who received it and must be told?
func showTimeline(p *page) error {
	name, id := p.r.PathValue("name"), p.r.PathValue("id")
	h, err := ask[audit.History](p, apiAgreement(name)+"history/"+query("object", id, "limit", "1000"))
	if err != nil {
		return err
	}
	v := timelinePage{Agreement: name, ID: id, Entries: h.Entries, More: h.More, Operator: p.caller.Operator, Feedback: labelledOf(h.Feedback)}
	for _, e := range h.Entries {
		v.Present = v.Present || e.Present != nil && *e.Present
	}
	list, err := ask[audit.DeliveryList](p, apiAgreement(name)+"deliveries/"+query("object", id, "limit", "1000"))
	if v.NotNoted = errors.Is(err, audit.ErrNotNoted); err != nil && !v.NotNoted {
		return err
	}
	v.Versions, v.Lost = list.Versions, list.Lost
	v.Told = toldOf(list.Versions)
	if v.Operator {
		state, err := ask[admin.ObjectState](p, apiAgreement(name)+"objects/"+url.PathEscape(id)+"/")
		if err != nil {
			return err
		}
		v.State = &state
	}
	commands := []command{
		{"Every version and what became of it:", "accord history " + quote(id) + " --agreement " + quote(name) + " " + p.remote()},
		{"Who received it:", "accord audit deliveries --agreement " + quote(name) + " --object " + quote(id) + " " + p.remote()},
		{"A file that proves it offline:", "accord audit prove " + quote(id) + " --agreement " + quote(name) + " --deliveries -o evidence.json " + p.remote()},
	}
	if v.Operator {
		commands = append(commands, command{"Remove it, whoever owns it:", "accord object remove " + quote(name) + " " + quote(id) + " --reason TEXT " + p.atServer()})
	}
	return p.show(http.StatusOK, "timeline", "History of "+middle(id), v, commands...)
}

// toldOf sums up the receipts of an object by account.
func toldOf(versions []audit.DeliveredVersion) (list []told) {
	for _, version := range versions {
		for _, r := range version.Received {
			i := slices.IndexFunc(list, func(t told) bool { return t.Party == r.Party && t.Account == r.Account })
			if i < 0 {
				list = append(list, told{Party: r.Party, Account: r.Account, First: r.First, Last: r.Last})
				i = len(list) - 1
			}
			t := &list[i]
			t.Versions++
			t.Times += r.Times
			if r.First.Before(t.First) {
				t.First = r.First
			}
			if r.Last.After(t.Last) {
				t.Last = r.Last
			}
		}
	}
	slices.SortFunc(list, func(a, b told) int { return strings.Compare(a.Party+" "+a.Account, b.Party+" "+b.Account) })
	return list
}

// removeObject removes an object, or a version of it, for an operator.
func removeObject(p *page) error {
	name, id := p.r.PathValue("name"), p.r.PathValue("id")
	removal := admin.ObjectRemoval{Version: p.value("version"), Bar: p.value("bar") != "", Reason: p.value("reason")}
	if _, err := askWith[admin.ObjectRemoved](p, http.MethodDelete, apiAgreement(name)+"objects/"+url.PathEscape(id)+"/", removal); err != nil {
		return err
	}
	return p.done(agreementPath(agreement.Name(name)) + "objects/" + url.PathEscape(id) + "/")
}

// fetcher lets package audit ask as the account.
func (p *page) fetcher() *audit.Client {
	return &audit.Client{Fetch: func(_ context.Context, path string) ([]byte, error) {
		answer, err := ask[any](p, path)
		if err != nil {
			return nil, err
		}
		if text, ok := answer.([]byte); ok {
			return text, nil
		}
		return json.Marshal(answer)
	}}
}

// downloadEvidence sends a file that proves what the journal has about an object.
func downloadEvidence(p *page) error {
	name, id := p.r.PathValue("name"), p.r.PathValue("id")
	ev, err := p.fetcher().Prove(p.context(), agreement.Name(name), audit.Asked{Object: id, Deliveries: p.value("deliveries") != ""})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(ev, "", " ")
	if err != nil {
		return err
	}
	return p.download("application/json", "accord-evidence.json", text)
}

// termsPage is a document of terms, as an entry put it in force.
type termsPage struct {
	Agreement string
	Entry     audit.Record
	Document  string
	Digest    string
	Asked     string // the day that was asked about
	Until     time.Time
}

// showTerms answers: what was agreed on that day?
func showTerms(p *page) error {
	name := p.r.PathValue("name")
	changes, err := p.termsChanges(name)
	if err != nil {
		return err
	}
	v := termsPage{Agreement: name, Asked: p.value("at")}
	var at time.Time
	if v.Asked != "" {
		if at, err = time.Parse(time.DateOnly, v.Asked); err != nil {
			return formError{errors.New("a day is written as 2026-03-01")}
		}
		at = at.AddDate(0, 0, 1) // the end of the day
	}
	for i, c := range changes { // the newest first
		if at.IsZero() && uint64(c.Position) == p.number("entry") || !at.IsZero() && c.At.Before(at) {
			v.Entry = c.Record
			if i > 0 {
				v.Until = changes[i-1].At
			}
			break
		}
	}
	if v.Entry.Position == 0 {
		return errNoPage
	}
	document, err := ask[[]byte](p, apiAgreement(name)+"terms/"+query("entry", decimal(uint64(v.Entry.Position))))
	if err != nil {
		return err
	}
	v.Document, _ = indented(document)
	v.Digest = v.Entry.Digest
	return p.show(http.StatusOK, "terms", "Terms of "+name, v,
		command{"The document, byte by byte as its digest covers it:", "curl -sg -u " + quote(p.account.Name) + " " + quote(p.server()+"/accord/v1/"+apiAgreement(name)+"terms/?entry="+decimal(uint64(v.Entry.Position)))})
}

// proofPage shows, step by step, that an entry is under the signed head.
type proofPage struct {
	Agreement string
	Entry     journal.Position
	Record    audit.Record
	Bytes     string // of the entry, base64
	Leaf      string
	Size      uint64
	Steps     []proofStep
	Root      string // of the signed head, hexadecimal
	Head      string // the signed note
	Key       string
	Fits      bool
}

// proofStep joins what is known so far with one hash of the proof.
type proofStep struct {
	Hash, Result string
	Left         bool // the hash of the proof is on the left
}

// showProof answers: is this version under the head?
func showProof(p *page) error {
	name, entry := p.r.PathValue("name"), p.number("entry")
	base := apiAgreement(name)
	signed, err := ask[[]byte](p, base+"checkpoint/")
	if err != nil {
		return err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return err
	}
	raw, err := ask[audit.RawEntry](p, base+"entry/"+query("entry", decimal(entry)))
	if err != nil {
		return err
	}
	proof, err := ask[audit.Proof](p, base+"proof/"+query("entry", decimal(entry), "size", decimal(head.Size)))
	if err != nil {
		return err
	}
	keys, err := ask[audit.KeyList](p, "keys/")
	if err != nil {
		return err
	}
	parsed, err := journal.ParseEntry(raw.Bytes)
	if err != nil {
		return err
	}
	v := proofPage{Agreement: name, Entry: raw.Position, Record: audit.RecordOf(raw.Position, parsed), Size: head.Size, Head: string(signed), Key: keys.Key,
		Bytes: base64.StdEncoding.EncodeToString(raw.Bytes), Root: hex.EncodeToString(head.Root[:])}
	leaf := journal.LeafHash(raw.Bytes)
	v.Leaf = hex.EncodeToString(leaf[:])
	v.Steps = climb(leaf, uint64(raw.Position)-1, head.Size, proof.Hashes)
	v.Fits = journal.CheckEntry(raw.Bytes, raw.Position, proof.Hashes, head) == nil
	return p.show(http.StatusOK, "proof", "Proof of entry "+decimal(entry)+" of "+name, v, p.proofCommands(name, v)...)
}

// climb returns the steps from a leaf to the root (RFC 9162, section 2.1.3.2), for people to follow. journal.CheckEntry decides.
func climb(leaf [32]byte, index, size uint64, hashes []tlog.Hash) (steps []proofStep) {
	at, last, known := index, size-1, leaf
	for _, h := range hashes {
		left := at&1 == 1 || at == last
		if left {
			known = join(h, known)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			known = join(known, h)
		}
		at, last = at>>1, last>>1
		steps = append(steps, proofStep{Hash: hex.EncodeToString(h[:]), Left: left, Result: hex.EncodeToString(known[:])})
	}
	return steps
}

// join is the hash of a node of the tree.
func join(left, right [32]byte) [32]byte {
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

func (p *page) proofCommands(name string, v proofPage) []command {
	object := firstOf(v.Record.Object, "OBJECT-ID")
	return []command{
		{"A file with the proof, which can be verified without this server:", "accord audit prove " + quote(object) + " --agreement " + quote(name) + " -o evidence.json " + p.remote()},
		{"Verify it, with the key that you were given by another way:", "accord audit verify-evidence evidence.json --key " + quote(v.Key)},
	}
}

// headsPage has the signed heads of an agreement's journal, and compares one that was kept.
type headsPage struct {
	Agreement string
	Head      string
	Size      uint64
	Root      string
	Key       audit.KeyList
	Server    string // the signed head of the server's own journal, with cosignatures
	Kept      string
	Verdict   string
	Good      bool
}

// showHeads answers: what is the signed head; does mine fit?
func showHeads(p *page) error {
	name := p.r.PathValue("name")
	v, err := p.heads(name)
	if err != nil {
		return err
	}
	return p.showHeads(v)
}

func (p *page) showHeads(v headsPage) error {
	name := quote(v.Agreement)
	return p.show(http.StatusOK, "heads", "Heads of "+v.Agreement, v,
		command{"Keep the head of today:", "accord audit checkpoint --agreement " + name + " " + p.remote() + " > kept.head"},
		command{"Verify that the journal continues it, entry by entry:", "accord audit verify kept.head --agreement " + name + " " + p.remote()})
}

func (p *page) heads(name string) (v headsPage, err error) {
	v.Agreement = name
	signed, err := ask[[]byte](p, apiAgreement(name)+"checkpoint/")
	if err != nil {
		return v, err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return v, err
	}
	v.Head, v.Size, v.Root = string(signed), head.Size, hex.EncodeToString(head.Root[:])
	if v.Key, err = ask[audit.KeyList](p, "keys/"); err != nil {
		return v, err
	}
	server, err := ask[[]byte](p, "server/checkpoint/")
	v.Server = string(server)
	return v, err
}

// compareHead says whether a head that was kept fits the journal of today.
func compareHead(p *page) error {
	name := p.r.PathValue("name")
	v, err := p.heads(name)
	if err != nil {
		return err
	}
	v.Kept = p.r.PostFormValue("kept")
	kept, err := journal.ReadCheckpoint([]byte(strings.ReplaceAll(strings.TrimLeft(v.Kept, " \r\n"), "\r\n", "\n")))
	if err != nil {
		v.Verdict = "That is no signed head: " + err.Error()
		return p.showHeads(v)
	}
	root := hex.EncodeToString(kept.Root[:])
	switch {
	case kept.Size > v.Size:
		v.Verdict = "It is of " + thousands(kept.Size) + " entries, and the journal has " + thousands(v.Size) + ": something is missing here."
	case kept.Size == v.Size:
		v.Good = root == v.Root
		v.Verdict = map[bool]string{true: "It is the head of today.", false: "It has the size of today's head and another root: there are two journals."}[v.Good]
	case kept.Size == 0:
		v.Good, v.Verdict = true, "It is the head of an empty journal, which every journal continues."
	default:
		proof, err := ask[audit.Proof](p, apiAgreement(name)+"proof/"+query("from", decimal(kept.Size), "to", decimal(v.Size)))
		if err != nil {
			return err
		}
		head, err := journal.ReadCheckpoint([]byte(v.Head))
		if err != nil {
			return err
		}
		v.Good = journal.CheckConsistency(kept, head, proof.Hashes) == nil
		v.Verdict = map[bool]string{true: "The journal of today continues it: the first " + thousands(kept.Size) + " entries are the same.", false: "The journal of today does not continue it: something was changed or taken out."}[v.Good]
	}
	return p.showHeads(v)
}
