package admin

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// Report tells what happened under an agreement, from its journal, for those who answer for it.
type Report struct {
	Format      string          `json:"format"` // accord-report-1
	Server      string          `json:"server"` // the name of the key that signs
	Agreement   agreement.Name  `json:"agreement"`
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Collection  uuid.UUID       `json:"collection"`
	State       agreement.State `json:"state"`
	Made        time.Time       `json:"made"`
	From        time.Time       `json:"from,omitzero"` // zero: from the beginning
	To          time.Time       `json:"to,omitzero"`   // zero: until the head
	Checkpoint  string          `json:"checkpoint"`    // the signed head

	Parties     []ReportParty    `json:"parties"`
	Terms       []ReportTerms    `json:"terms"`
	Shared      []ReportShared   `json:"shared"`
	Samples     []ReportSample   `json:"samples"`
	Received    []ReportReceived `json:"received"`
	Usage       []Usage          `json:"usage"` // by party and month
	Released    []ReportReleased `json:"released"`
	Withdrawals []ReportRemoval  `json:"withdrawals"`
	Omitted     uint64           `json:"withdrawals_omitted,omitempty"` // further ones, counted only
	Incidents   []ReportIncident `json:"incidents"`
	Controls    []ReportControl  `json:"controls"`
}

// ReportParty is a party as it is now.
type ReportParty struct {
	Party    agreement.PartyName `json:"party"`
	Title    string              `json:"title,omitempty"`
	Identity stix.ID             `json:"identity,omitempty"`
	Roles    []agreement.Role    `json:"roles"`
}

// ReportTerms is a change of terms, with the parties that joined or left by it.
type ReportTerms struct {
	Position journal.Position      `json:"position"`
	At       time.Time             `json:"at"`
	Act      string                `json:"act"`
	By       string                `json:"by,omitempty"`
	Reason   string                `json:"reason,omitempty"`
	Digest   string                `json:"digest"`
	Changes  []audit.Change        `json:"changes,omitempty"`
	Joined   []agreement.PartyName `json:"joined,omitempty"`
	Left     []agreement.PartyName `json:"left,omitempty"`
}

// ReportShared counts what was added: by a party, or by a release for "".
type ReportShared struct {
	Party    string `json:"party"`
	Type     string `json:"type"`
	Versions uint64 `json:"versions"`
	Bytes    uint64 `json:"bytes"`
}

// ReportSample is one of the versions that were added.
type ReportSample struct {
	Position journal.Position `json:"position"`
	At       time.Time        `json:"at"`
	Object   string           `json:"object"`
	Version  string           `json:"version,omitempty"`
	Digest   string           `json:"digest"`
}

// ReportReceived is what a party's account was given in the time of the report.
type ReportReceived struct {
	Party     string    `json:"party"`
	Account   string    `json:"account"`
	Positions uint64    `json:"positions"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// ReportReleased is what a release has passed on, and what it withholds now.
type ReportReleased struct {
	To        agreement.Name   `json:"to"`
	There     uint64           `json:"there"`
	Waiting   uint64           `json:"waiting,omitempty"`
	Withheld  []ReportWithheld `json:"withheld,omitempty"`
	NotJudged bool             `json:"unjudged,omitempty"` // the journal is too long for a report; accord agreement release --dry-run judges it
}

// ReportWithheld counts the versions that a term withholds.
type ReportWithheld struct {
	Term     string    `json:"term"`
	Versions uint64    `json:"versions"`
	Examples []stix.ID `json:"examples,omitempty"`
}

// ReportRemoval is a version that was deleted or withdrawn, and who had received it.
type ReportRemoval struct {
	Position journal.Position `json:"position"`
	At       time.Time        `json:"at"`
	Kind     string           `json:"kind"`
	Object   string           `json:"object"`
	Version  string           `json:"version,omitempty"`
	By       string           `json:"by,omitempty"`
	Reason   string           `json:"reason,omitempty"`
	Received []string         `json:"received,omitempty"` // parties
}

// ReportIncident is something out of the ordinary.
type ReportIncident struct {
	Position journal.Position `json:"position,omitempty"`
	At       time.Time        `json:"at"`
	What     string           `json:"what"`
	By       string           `json:"by,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

// Bounds of a report.
const (
	reportFormat      = "accord-report-1"
	reportSamples     = 20
	reportRemovals    = 500
	reportJudgeAtMost = 50_000 // entries
)

// Report makes the report of an agreement on a time; a zero from or to does not bound it. size is the head that it is made at.
func (s *Service) Report(ctx context.Context, name agreement.Name, from, to time.Time) (Report, journal.Checkpoint, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return Report{}, journal.Checkpoint{}, s.missing(name)
	}
	keys, err := s.store.Keys("")
	if err != nil {
		return Report{}, journal.Checkpoint{}, err
	}
	signed, err := keys.Checkpoint(col)
	if err != nil {
		return Report{}, journal.Checkpoint{}, err
	}
	head, err := journal.ReadCheckpoint(signed)
	if err != nil {
		return Report{}, journal.Checkpoint{}, err
	}
	a, now := col.Agreement(), s.now()
	r := reporting{service: s, col: col, size: journal.Position(head.Size), shared: make(map[[2]string]*ReportShared), used: make(usages), Report: Report{
		Format: reportFormat, Server: keys.Name(), Agreement: name, Title: a.Title, Description: a.Description, Collection: col.ID(),
		State: a.State(now), Made: now.UTC().Truncate(time.Second), From: from, To: to, Checkpoint: string(signed), Controls: reportControls,
		Parties: []ReportParty{}, Terms: []ReportTerms{}, Shared: []ReportShared{}, Samples: []ReportSample{}, Received: []ReportReceived{},
		Released: []ReportReleased{}, Withdrawals: []ReportRemoval{}, Incidents: []ReportIncident{},
	}}
	for _, m := range a.Parties {
		party, _ := s.store.Registry().Party(m.Party)
		r.Parties = append(r.Parties, ReportParty{m.Party, party.Title, party.Identity, m.Roles})
	}
	err = r.walk(ctx)
	for _, do := range []func(context.Context) error{r.receipts, r.receivers, r.releases} {
		if err == nil {
			err = do(ctx)
		}
	}
	r.sum()
	return r.Report, head, err
}

// reporting makes a report.
type reporting struct {
	Report
	service *Service
	col     *store.Collection
	size    journal.Position
	shared  map[[2]string]*ReportShared
	used    usages
	removed []journal.Position // versions that were removed, of Withdrawals
	before  []byte             // the document of terms before the entry at hand
}

func (r *reporting) within(at time.Time) bool {
	return !at.Before(r.From) && (r.To.IsZero() || at.Before(r.To))
}

// walk reads the journal.
func (r *reporting) walk(ctx context.Context) error {
	const part = 2000
	for at := journal.Position(0); at < r.size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		type positioned struct {
			p journal.Position
			e journal.Entry
		}
		var entries []positioned
		err := r.col.Entries(at+1, part, func(p journal.Position, e journal.Entry, _ []byte) bool {
			if p <= r.size {
				entries = append(entries, positioned{p, e})
			}
			return p < r.size
		})
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return errors.New("the journal ends before its head")
		}
		for _, one := range entries {
			at = one.p
			if err := r.entry(one.p, one.e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reporting) entry(p journal.Position, e journal.Entry) error {
	if e.Kind == journal.Terms {
		return r.terms(p, e)
	}
	if !r.within(e.At) {
		return nil
	}
	switch e.Kind {
	case journal.Added:
		typ := stix.ID(e.Object).Type()
		key := [2]string{e.Party, typ}
		if r.shared[key] == nil {
			r.shared[key] = &ReportShared{Party: e.Party, Type: typ}
		}
		r.shared[key].Versions++
		r.shared[key].Bytes += e.Size
		r.used.added(e)
		if len(r.Samples) < reportSamples {
			r.Samples = append(r.Samples, ReportSample{p, e.At, e.Object, e.Version, hex.EncodeToString(e.Digest[:])})
		}
	case journal.Deleted, journal.Withdrawn:
		if len(r.Withdrawals) == reportRemovals {
			r.Omitted++
			return nil
		}
		kind := map[journal.Kind]string{journal.Deleted: "deleted", journal.Withdrawn: "withdrawn"}[e.Kind]
		r.Withdrawals = append(r.Withdrawals, ReportRemoval{Position: p, At: e.At, Kind: kind, Object: e.Object, Version: e.Version, By: author(e), Reason: e.Reason})
		r.removed = append(r.removed, e.Of)
		if e.Act == "remove" || e.Act == "bar" {
			r.Incidents = append(r.Incidents, ReportIncident{p, e.At, "an operator removed " + e.Object, author(e), e.Reason})
		}
	}
	return nil
}

// author is who made an entry.
func author(e journal.Entry) string {
	if e.Party != "" {
		return e.Account + " of " + e.Party
	}
	return e.Account
}

// terms adds a change of terms.
func (r *reporting) terms(p journal.Position, e journal.Entry) error {
	_, _, document, err := r.col.TermsAt(p)
	if err != nil {
		return err
	}
	before := r.before
	r.before = document
	if !r.within(e.At) {
		return nil
	}
	t := ReportTerms{Position: p, At: e.At, Act: e.Act, By: author(e), Reason: e.Reason, Digest: hex.EncodeToString(e.Digest[:])}
	was, err := partiesIn(before)
	if err != nil {
		return err
	}
	is, err := partiesIn(document)
	if err != nil {
		return err
	}
	for _, party := range is {
		if !slices.Contains(was, party) {
			t.Joined = append(t.Joined, party)
		}
	}
	for _, party := range was {
		if !slices.Contains(is, party) {
			t.Left = append(t.Left, party)
		}
	}
	if before != nil {
		if t.Changes, err = audit.CompareTerms(r.col, before, document); err != nil {
			return err
		}
	}
	r.Terms = append(r.Terms, t)
	switch e.Act {
	case "suspend", "resume", "terminate", "restore":
		r.Incidents = append(r.Incidents, ReportIncident{p, e.At, e.Act, author(e), e.Reason})
	}
	return nil
}

// partiesIn reads the parties of a document of terms, of whatever version of this program.
func partiesIn(document []byte) (list []agreement.PartyName, err error) {
	if document == nil {
		return nil, nil
	}
	var read struct {
		Parties []struct {
			Party agreement.PartyName `json:"party"`
		} `json:"parties"`
	}
	err = json.Unmarshal(document, &read)
	for _, p := range read.Parties {
		list = append(list, p.Party)
	}
	return list, err
}

// receipts adds who had received what was removed.
func (r *reporting) receipts(context.Context) error {
	if r.service.audit.Deliveries == nil || len(r.removed) == 0 {
		return nil
	}
	positions := slices.Clone(r.removed)
	slices.Sort(positions)
	receipts, err := r.service.audit.Deliveries.Received(r.col.ID(), slices.Compact(positions))
	if err != nil {
		return err
	}
	by := make(map[journal.Position][]string)
	for _, one := range receipts {
		who := cmp.Or(one.Party, one.Account)
		if !slices.Contains(by[one.Position], who) {
			by[one.Position] = append(by[one.Position], who)
		}
	}
	for i, of := range r.removed {
		r.Withdrawals[i].Received = by[of]
	}
	return nil
}

// receivers adds who was given objects.
func (r *reporting) receivers(ctx context.Context) error {
	if r.service.audit.Deliveries == nil {
		return nil
	}
	if err := r.service.audit.Deliveries.EachGiven(r.col.ID(), "", func(g delivery.Given) {
		if r.within(g.At) {
			r.used.given(g)
		}
	}); err != nil {
		return err
	}
	if !r.From.IsZero() || !r.To.IsZero() {
		return r.receivedWithin(ctx)
	}
	list, _, err := r.service.audit.Deliveries.Consumers(r.col.ID())
	if err != nil {
		return err
	}
	for _, c := range list {
		r.received(ReportReceived{Party: c.Party, Account: c.Account, First: c.First, Last: c.LastPoll, Positions: c.Positions})
	}
	return nil
}

// received adds what an account was given to what the report has of it.
func (r *reporting) received(more ReportReceived) {
	i := slices.IndexFunc(r.Received, func(o ReportReceived) bool { return o.Party == more.Party && o.Account == more.Account })
	if i < 0 {
		r.Received = append(r.Received, more)
		return
	}
	one := &r.Received[i]
	one.Positions += more.Positions
	if more.First.Before(one.First) {
		one.First = more.First
	}
	if more.Last.After(one.Last) {
		one.Last = more.Last
	}
}

// receivedWithin adds who was given what in the time of the report. A version that an account was given several times counts by
// the first and the last of them.
func (r *reporting) receivedWithin(ctx context.Context) error {
	const part = 2000
	for at := journal.Position(0); at < r.size; at += part {
		if err := ctx.Err(); err != nil {
			return err
		}
		positions := make([]journal.Position, 0, part)
		for p := at + 1; p <= min(at+part, r.size); p++ {
			positions = append(positions, p)
		}
		receipts, err := r.service.audit.Deliveries.Received(r.col.ID(), positions)
		if err != nil {
			return err
		}
		for _, one := range receipts {
			if one.Last.Before(r.From) || !r.To.IsZero() && !one.First.Before(r.To) {
				continue
			}
			r.received(ReportReceived{Party: one.Party, Account: one.Account, First: one.First, Last: one.Last, Positions: 1})
		}
	}
	return nil
}

// releases adds what the releases have passed on, and withhold now.
func (r *reporting) releases(ctx context.Context) error {
	for _, rule := range r.col.Agreement().Release {
		released := ReportReleased{To: rule.To}
		_, open := r.service.store.Collection(rule.To)
		if released.NotJudged = !open || uint64(r.size) > reportJudgeAtMost; !released.NotJudged {
			decisions, err := r.service.PreviewRelease(ctx, r.Agreement, rule.To)
			if err != nil {
				return err
			}
			for _, d := range decisions {
				released.add(d)
			}
		}
		r.Released = append(r.Released, released)
	}
	return nil
}

func (r *ReportReleased) add(d follow.Decision) {
	switch d.Verdict {
	case follow.There:
		r.There++
		return
	case follow.Goes, follow.Waits:
		r.Waiting++
		return
	case follow.Deleted, follow.Corrected:
		return
	}
	term := string(d.Verdict)
	if len(d.Reasons) > 0 {
		term, _, _ = strings.Cut(d.Reasons[0], ": ")
	}
	i := slices.IndexFunc(r.Withheld, func(w ReportWithheld) bool { return w.Term == term })
	if i < 0 {
		i = len(r.Withheld)
		r.Withheld = append(r.Withheld, ReportWithheld{Term: term})
	}
	w := &r.Withheld[i]
	w.Versions++
	if len(w.Examples) < 3 {
		w.Examples = append(w.Examples, d.Object)
	}
}

// sum puts what was counted in order.
func (r *reporting) sum() {
	for _, s := range r.shared {
		r.Shared = append(r.Shared, *s)
	}
	slices.SortFunc(r.Shared, func(a, b ReportShared) int {
		return cmp.Or(cmp.Compare(a.Party, b.Party), cmp.Compare(a.Type, b.Type))
	})
	r.Usage = r.used.list()
	slices.SortFunc(r.Received, func(a, b ReportReceived) int {
		return cmp.Or(cmp.Compare(a.Party, b.Party), cmp.Compare(a.Account, b.Account))
	})
}
