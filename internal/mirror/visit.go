package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
	"github.com/accord-taxii/accord/taxii"
)

// Bounds of one visit.
const (
	pageItems  = 1000
	mostItems  = 10_000 // that a page is asked for, where pages do not lead on
	mostPages  = 10_000 // then the next visit goes on
	mostEmpty  = 100    // empty pages in a row
	shortPage  = 50     // objects: a page with fewer was not cut off by a server's own bound
	batchItems = 1000   // objects of a transaction
	batchBytes = 4 << 20
)

// settled is how old the newest object must be, by the remote server's clock, before everything of that moment counts as taken:
// another one with the same date_added may still come.
const settled = 10 * time.Second

// skew is how far ahead of the remote server's clock a date_added may be.
const skew = 24 * time.Hour

// envelope is a page as servers send it: next may be a number, and more may be missing.
type envelope struct {
	More    bool              `json:"more"`
	Next    json.RawMessage   `json:"next"`
	Objects []json.RawMessage `json:"objects"`
}

// nextText is the text of a next.
func nextText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// visit reads a remote collection from the cursor to its end.
type visit struct {
	remote *remote
	accord *accord // nil: the remote server is none
	col    *store.Collection
	terms  *agreement.Mirror
	now    func() time.Time
	limits ijson.Limits

	cursor cursor
	kept   cursor // as it is in the file
	turn   uint64
	items  int // of a page that is asked for
	pages  map[[8]byte]bool
	dated  bool         // the date of the last page's end is known
	came   bool         // something was added
	back   bool         // the remote server's clock was found to have gone back
	step   func(string) // tests kill between steps
}

// run takes what is new. It returns the *Fault that ended it early.
func (v *visit) run(ctx context.Context) error {
	err := v.col.Snapshot(func(s *store.Snapshot) (err error) {
		v.cursor, v.turn, err = readCursor(s, v.terms.URL)
		return err
	})
	if err != nil {
		return err
	}
	v.kept, v.remote.old = v.cursor, v.cursor.Old
	if v.cursor.Back {
		v.cursor.Last = time.Time{} // the dates that are ahead of the clock come again
	}
	v.items, v.pages = pageItems, map[[8]byte]bool{}
	for page, empty := 0, 0; page < mostPages; page++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, objects, err := v.page(ctx)
		if err != nil || !more {
			return err
		}
		if empty++; objects > 0 {
			empty = 0
		}
		if empty > mostEmpty {
			return v.circle(ctx, fmt.Sprintf("%d pages in a row are empty, and each says that there is more", empty))
		}
	}
	return nil
}

// query is the question for the next page.
func (v *visit) query() url.Values {
	q := url.Values{"limit": {strconv.Itoa(v.items)}}
	if !v.cursor.After.IsZero() {
		q.Set("added_after", v.cursor.Form.text(v.cursor.After))
	}
	if v.cursor.Next != "" {
		q.Set("next", v.cursor.Next)
	}
	if !v.cursor.Plain {
		q.Set("match[version]", "all")
	}
	if len(v.terms.Types) > 0 {
		q.Set("match[type]", strings.Join(v.terms.Types, ","))
	}
	return q
}

// page takes one page. more says that another one follows.
func (v *visit) page(ctx context.Context) (more bool, objects int, err error) {
	var e envelope
	h, err := v.ask(ctx, "objects/", &e)
	if err != nil {
		return false, 0, err
	}
	if v.turnBack(h) {
		return true, 0, nil
	}
	e.More = e.More || h.more
	next, before := nextText(e.Next), v.cursor
	if len(e.Objects) > 0 {
		sum := pageSum(e.Objects)
		switch {
		case !v.pages[sum]:
		case before.Next != "":
			return false, 0, v.circle(ctx, "the pages of the remote server lead in a circle: one came twice")
		case v.grow(): // it does not lead on: a longer page may
			return true, len(e.Objects), nil
		case len(e.Objects) >= shortPage || !v.dated:
			return false, 0, v.dates()
		default: // there is no more, whatever it says: no server's longest page is as short as that
			e.More, next = false, ""
		}
		v.pages[sum] = true
		last := v.dateOf(ctx, h, e.Objects[len(e.Objects)-1])
		v.dated = !last.IsZero()
		if last.After(v.cursor.Last) {
			v.cursor.Last = last
		}
	}
	more = e.More || next != "" && len(e.Objects) > 0
	switch {
	case more && next != "":
		v.cursor.Next = next
	case more && len(e.Objects) == 0 && v.cursor.After.IsZero():
		return false, 0, fault(FaultLoop, "", "the remote server says that there is more, gives nothing, and does not say how to go on")
	case more && len(e.Objects) > 0: // by added_after, and a moment earlier: others may have the same date_added
		v.cursor.Next = ""
		v.forward(v.cursor.Last.Add(-time.Microsecond))
	default:
		more, v.cursor.Next = false, ""
		at := v.cursor.Last
		if clock := v.clock(h); clock.Sub(at) < settled {
			at = at.Add(-time.Microsecond)
		}
		if v.cursor.Back = v.cursor.Back && h.date.Before(at); v.cursor.Back {
			v.cursor.After = h.date.Add(-settled)
		} else {
			v.forward(at)
		}
	}
	return more, len(e.Objects), v.take(ctx, before, e.Objects)
}

// forward moves the cursor to a date, if it is later.
func (v *visit) forward(at time.Time) {
	if at.After(v.cursor.After) {
		v.cursor.After = at
	}
}

// clock is what the remote server's clock says or, if it does not say, this one's.
func (v *visit) clock(h head) time.Time {
	if h.date.IsZero() {
		return v.now()
	}
	return h.date
}

// grow asks for longer pages; false when they are as long as they may be.
func (v *visit) grow() bool {
	if v.items >= mostItems {
		return false
	}
	v.items = min(4*v.items, mostItems)
	return true
}

func (v *visit) dates() error {
	if !v.dated {
		return fault(FaultDates, "ask its operator for pages with next, or for date headers", "the pages of the remote server say that there is more, and neither next nor when their last object was added")
	}
	return fault(FaultDates, "ask its operator for pages with next", "the remote server has more than %d objects of one date_added, %s, and its pages do not lead past them",
		shortPage, taxii.FormatTime(v.cursor.Last))
}

// circle is the fault of pages that lead nowhere. The cursor forgets where they lead: the next visit goes on by the date.
func (v *visit) circle(ctx context.Context, what string) error {
	v.cursor.Next = ""
	v.forward(v.cursor.Last.Add(-time.Microsecond))
	if err := v.keep(ctx, v.cursor); err != nil {
		return err
	}
	return fault(FaultLoop, "", "%s", what)
}

// pageSum tells pages apart.
func pageSum(objects []json.RawMessage) (sum [8]byte) {
	h := sha256.New()
	for _, o := range objects {
		h.Write(o)
		h.Write([]byte{0})
	}
	copy(sum[:], h.Sum(nil))
	return sum
}

// dateOf is the date_added of a page's last object: what the header says, if it can be, or else the manifest; zero if neither
// does, and then the page is asked for again by the next visit.
func (v *visit) dateOf(ctx context.Context, h head, last json.RawMessage) time.Time {
	clock := v.clock(h)
	if !h.last.IsZero() && h.last.Sub(clock) < skew && h.last.After(v.cursor.After) {
		return h.last
	}
	var object struct{ ID, Modified, Created string }
	if json.Unmarshal(last, &object) != nil || object.ID == "" {
		return time.Time{}
	}
	var m taxii.Manifest
	q := url.Values{"match[id]": {object.ID}}
	if !v.cursor.Plain {
		q.Set("match[version]", "all")
	}
	if _, err := v.remote.get(ctx, "manifest/", q, &m); err != nil {
		return time.Time{}
	}
	var at time.Time
	for _, r := range m.Objects {
		version := cmp.Or(object.Modified, object.Created)
		if r.ID != object.ID || version != "" && !sameInstant(r.Version, version) || version == "" && len(m.Objects) > 1 {
			continue // another version, which may be on a later page
		}
		if t, err := taxii.ParseTime(r.DateAdded); err == nil && t.Sub(clock) < skew {
			at = t
		}
	}
	return at
}

func sameInstant(a, b string) bool {
	x, err := stix.ParseInstant(a)
	y, err2 := stix.ParseInstant(b)
	return err == nil && err2 == nil && x.Compare(y) == 0
}

// ask asks for a page, in the ways that servers take: smaller pages where the answer is too large or fails, added_after in
// another form, without a next that is no longer known, without match[version].
func (v *visit) ask(ctx context.Context, resource string, e *envelope) (head, error) {
	for turned := false; ; {
		*e = envelope{}
		h, err := v.remote.get(ctx, resource, v.query(), e)
		var no *refused
		f := faultOf(err)
		switch {
		case err == nil:
			return h, nil
		case f != nil && f.Name == FaultVersion && !turned: // it may speak the other version of TAXII
			turned = true
			v.remote.old = !v.remote.old
			v.cursor.Old, v.cursor.Next = v.remote.old, ""
		case errors.Is(err, errLarge):
			if v.items == 1 {
				return head{}, fault(FaultTooLarge, "", "one object makes an answer of more than %d bytes", v.remote.most)
			}
			v.items = max(1, v.items/4)
		case errors.As(err, &no) && faultOf(err) == nil:
			if !v.yield(no) {
				name := FaultStatus
				if no.status == http.StatusNotFound || no.status == http.StatusGone {
					name = FaultMissing
				}
				return head{}, fault(name, map[string]string{FaultMissing: "check the URL: it must be that of the collection"}[name], "%w", no)
			}
		default:
			return head{}, err
		}
	}
}

// yield changes the question after a refusal; false when there is nothing left to change.
func (v *visit) yield(no *refused) bool {
	switch no.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusUnprocessableEntity:
		switch {
		case v.cursor.Next != "": // it is no longer known: go on by the date, a moment earlier
			v.cursor.Next = ""
			v.forward(v.cursor.Last.Add(-time.Microsecond))
			return true
		case no.status == http.StatusNotFound || no.status == http.StatusGone:
			return false
		case !v.cursor.After.IsZero() && v.cursor.Form < seconds:
			v.cursor.Form++
			return true
		case !v.cursor.Plain:
			v.cursor.Plain, v.cursor.Form = true, microseconds
			return true
		}
	case http.StatusRequestEntityTooLarge, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		if v.items > 10 {
			v.items /= 4
			return true
		}
	}
	return false
}

// take adds the objects of a page, in transactions of bounded size; the cursor moves with the last.
func (v *visit) take(ctx context.Context, before cursor, objects []json.RawMessage) error {
	after := v.cursor
	v.cursor = before
	for len(objects) > 0 {
		n, bytes := 0, 0
		for n < len(objects) && n < batchItems && (n == 0 || bytes+len(objects[n]) <= batchBytes) {
			bytes += len(objects[n])
			n++
		}
		moved := before
		if n == len(objects) {
			moved = after
		}
		if err := v.add(ctx, moved, objects[:n]); err != nil {
			return err
		}
		objects = objects[n:]
	}
	return v.keep(ctx, after)
}

// keep keeps a cursor where it says something new.
func (v *visit) keep(ctx context.Context, c cursor) error {
	c.Counts = v.cursor.Counts
	same := c
	same.Counts, same.Clock = v.kept.Counts, v.kept.Clock
	if c.Next != "" { // of a page that brought nothing new: after a crash it is asked for again
		same.Next, same.Last = v.kept.Next, v.kept.Last
	}
	if same == v.kept {
		v.cursor = c
		return nil
	}
	return v.append(ctx, c, store.Batch{})
}

// mostAttempts is how often objects are judged because the terms changed between judging them and the transaction.
const mostAttempts = 4

// add judges objects by the terms in force, and adds those that pass.
func (v *visit) add(ctx context.Context, c cursor, objects []json.RawMessage) error {
	raws := make([][]byte, len(objects))
	for i := range objects {
		raws[i] = objects[i]
	}
	for try := 1; ; try++ {
		found, err := ingest.Judge(ctx, v.col, raws, ingest.Options{Now: v.now(), Limits: v.limits})
		if err != nil {
			return err
		}
		b := store.Batch{Terms: found.Terms}
		if v.col.Agreement().Accept.KeepRefusedDays > 0 {
			b.Refused = &store.RefusalDraft{Objects: found.Refused, As: agreement.MirrorParty}
		}
		source := Source(v.terms.URL)
		passed, err := v.unknown(found.Passed, source)
		if err != nil {
			return err
		}
		places := make([]journal.Position, len(passed))
		if v.accord != nil && len(passed) > 0 {
			if places, err = v.accord.positions(ctx, passed); err != nil {
				return err
			}
		}
		for i := range passed {
			add := &passed[i]
			add.Source = journal.Source{Collection: source, Position: places[i]}
			b.Changes = append(b.Changes, store.Change{Add: add})
		}
		c.Counts = v.cursor.Counts
		c.Taken += uint64(len(objects))
		c.Refused += uint64(len(objects) - len(found.Passed))
		if len(passed) == 0 && len(found.Passed) == len(objects) {
			return v.keep(ctx, c) // it is all here
		}
		c.Added += uint64(len(passed)) // corrected by what comes of them
		err = v.append(ctx, c, b)
		if errors.Is(err, store.ErrStale) && try < mostAttempts && v.current() {
			continue
		}
		return err
	}
}

// unknown leaves out the versions that the mirror has brought before: a page that comes again costs no transaction.
func (v *visit) unknown(passed []store.Addition, source uuid.UUID) (left []store.Addition, err error) {
	err = v.col.Snapshot(func(s *store.Snapshot) error {
		for i := range passed {
			o := &passed[i].Object
			held, err := s.Versions(o.ID)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(held, func(h store.StoredVersion) bool {
				return h.Entry.Version == o.Version && h.Spec == o.SpecVersion && !h.Unversioned && slices.Contains(h.Sources, source)
			}) {
				left = append(left, passed[i])
			}
		}
		return nil
	})
	return left, err
}

// current reports whether nothing but the terms has changed since the visit began: another visit would have moved the turn.
func (v *visit) current() bool {
	same := false
	err := v.col.Snapshot(func(s *store.Snapshot) error {
		same = s.Turn(follower) == v.turn && v.col.Agreement().Mirror.Equal(v.terms)
		return nil
	})
	return err == nil && same
}

// append appends a batch with a cursor, and counts what came of it.
func (v *visit) append(ctx context.Context, c cursor, b store.Batch) error {
	if state := v.col.Agreement().State(v.now()); state != agreement.Active {
		return fmt.Errorf("%w: the agreement is %s", errPaused, state)
	}
	v.step("before")
	b.Follower = c.update(v.turn)
	result, err := v.col.Append(ctx, b)
	if err != nil {
		return fmt.Errorf("take from %s: %w", v.terms.URL, err)
	}
	v.step("after")
	v.turn++
	v.came = v.came || len(b.Changes) > 0
	v.kept = c
	for _, o := range result.Outcomes {
		switch o.Kind {
		case store.Already, store.Gone:
			c.Added--
		case store.Conflict, store.NotOwner, store.NotCreator, store.Barred:
			c.Added--
			c.Refused++
		}
	}
	v.cursor = c // the correction is kept with the next transaction
	return nil
}

// errPaused says that a mirror has nothing to do now.
var errPaused = errors.New("the mirror is paused")
