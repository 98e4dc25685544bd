package live

import (
	"slices"
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What one step reads.
const (
	stepEntries = 256
	stepBytes   = 1 << 20 // of texts; one at least
)

// reading is how far a stream has read a journal, and what it has to know of the way.
type reading struct {
	col    *store.Collection
	query  query
	start  journal.Position // the position after which the stream began
	cursor journal.Position // everything up to here was shown
	quiet  journal.Position // terms up to here are not shown: the reader asked for what is there, not for how it came

	// passed says how long the journal was when some entries were read: what was removed up to that length had not been shown
	// when its turn came. Spans end where removals that it is about have all been read.
	passed []span

	// hidden are versions that were there and not shown when their turn came, in order: a newer one was shown instead. Their
	// removal is not told. Beyond mostHidden the oldest are forgotten.
	hidden []journal.Position

	// revealed are versions from before the stream began that it has shown since a newer one was deleted.
	revealed map[journal.Position]bool
	forgets  bool // there were more of them than are noted
}

// mostHidden bounds what is kept of a stream's hidden versions: 8 KiB.
const mostHidden = 1024

// span is the entries after start, up to end, that were read when the journal had length entries.
type span struct{ start, end, length journal.Position }

// begin finds where the stream starts.
func (r *reading) begin() error {
	return r.col.Snapshot(func(s *store.Snapshot) error {
		length, err := s.Length()
		switch {
		case err != nil:
			return err
		case !r.query.given:
			r.cursor = length
		case r.query.after > length:
			return badQuery("the journal has %d entries, so none after %d: it may have been restored from a backup; begin with after=0", length, r.query.after)
		default:
			r.cursor = r.query.after
		}
		if r.query.given && r.query.after == 0 {
			r.quiet = length
		}
		r.start = r.cursor
		return nil
	})
}

// shared returns the next step if it is the same for every stream that asks for the same: nil if it is not. It is taken by take.
func (r *reading) shared(h *hub, now time.Time) *sharedStep {
	if r.query.content || r.cursor < r.quiet {
		return nil
	}
	s := h.sharedStep(stepKey{r.cursor, r.query.match})
	s.once.Do(func() { s.read(r, now) })
	if s.err != nil || !s.plain || s.end <= r.cursor {
		return nil
	}
	return s
}

// take notes what a shared step has read.
func (r *reading) take(s *sharedStep) {
	for _, p := range s.hides {
		r.hide(p)
	}
	r.pass(s.end, s.length)
}

// step reads on and returns the events; end is how far it came. All is read in one transaction.
func (r *reading) step(now time.Time) (events []event, end journal.Position, err error) {
	end = r.cursor
	err = r.col.Snapshot(func(s *store.Snapshot) error {
		length, err := s.Length()
		if err != nil || length <= r.cursor {
			return err
		}
		events, end, err = r.read(s, length, min(length, r.cursor+stepEntries), now)
		return err
	})
	return events, end, err
}

// read reads a step that begins where a stream is, without anything that depends on what that was told before.
func (s *sharedStep) read(r *reading, now time.Time) {
	alone := &reading{col: r.col, query: r.query, start: r.start, cursor: r.cursor, quiet: r.quiet}
	var events []event
	s.err = r.col.Snapshot(func(sn *store.Snapshot) (err error) {
		if s.length, err = sn.Length(); err != nil || s.length <= r.cursor {
			return err
		}
		to := min(s.length, r.cursor+stepEntries)
		for p := r.cursor + 1; p <= to; p++ {
			e, err := sn.Entry(p)
			if err != nil {
				return err
			}
			if e.Kind == journal.Deleted || e.Kind == journal.Withdrawn {
				return nil
			}
		}
		s.plain = true
		events, s.end, err = alone.read(sn, s.length, to, now)
		s.hides = alone.hidden
		return err
	})
	s.told = piecesOf(events, r.cursor)
}

// piecesOf writes events as they are sent, in pieces.
func piecesOf(events []event, from journal.Position) (list []toldPiece) {
	var pending []byte
	last := from
	for i := range events {
		pending = events[i].appendTo(pending)
		last = max(last, events[i].id)
		if len(pending) >= pieceBytes || i == len(events)-1 {
			list = append(list, toldPiece{newPiece(pending), last})
			pending = pending[:0]
		}
	}
	return list
}

// read reads the entries up to to.
func (r *reading) read(s *store.Snapshot, length, to journal.Position, now time.Time) (events []event, end journal.Position, err error) {
	selected, err := r.selected(s, to)
	if err != nil {
		return nil, 0, err
	}
	size, exposed := 0, exposures{}
	add := func(id, at journal.Position, e journal.Entry) (err error) {
		var text []byte
		if r.query.content {
			if text, err = s.Text(at, e); err != nil {
				return err
			}
		}
		size += len(text)
		events = append(events, added(id, at, e, text))
		return nil
	}
	for p := r.cursor + 1; p <= to; p++ {
		e, err := s.Entry(p)
		if err != nil {
			return nil, 0, err
		}
		switch {
		case e.Kind == journal.Added && selected[p]:
			err = add(p, p, e)
		case e.Kind == journal.Added && r.query.object(e):
			r.hide(p)
		case (e.Kind == journal.Deleted || e.Kind == journal.Withdrawn) && r.query.object(e):
			if err = r.expose(s, exposed, e, add); err == nil && !r.unhide(e.Of) && r.query.removal(e) && r.shown(e.Of, p) {
				var unseen bool
				if unseen, err = r.unseen(s, e); err == nil && !unseen {
					events = append(events, removed(p, e))
				}
			}
		case e.Kind == journal.Terms && p > r.quiet:
			events = append(events, event{id: p, name: EventTerms, data: encode(Change{Position: p, Act: e.Act, State: string(r.col.Agreement().State(now))})})
		}
		if err != nil {
			return nil, 0, err
		}
		if size >= stepBytes {
			to = p
		}
	}
	r.pass(to, length)
	return events, to, nil
}

// selected are the positions, of those read now, whose versions a poll would show.
func (r *reading) selected(s *store.Snapshot, to journal.Position) (map[journal.Position]bool, error) {
	if r.query.none {
		return nil, nil
	}
	q := r.query.filter
	q.Limit = int(to - r.cursor)
	if r.cursor > 0 {
		e, err := s.Entry(r.cursor)
		if err != nil {
			return nil, err
		}
		q.After = e.At // no version that is added later has this date_added
	}
	list, err := s.Positions(q)
	if err != nil {
		return nil, err
	}
	selected := make(map[journal.Position]bool, len(list))
	for _, p := range list {
		selected[p] = true
	}
	return selected, nil
}

// exposures are, for objects of which something was removed, the versions read earlier that a poll shows now and that the
// reader has not been told of again.
type exposures map[string][]exposure

type exposure struct {
	at    journal.Position
	entry journal.Entry
}

// expose adds the versions that a poll may show since a removal: the last but one is the last when that is gone. They get no
// id, for they come before the event that has it.
func (r *reading) expose(s *store.Snapshot, known exposures, gone journal.Entry, add func(id, at journal.Position, e journal.Entry) error) error {
	if r.query.filter.Versions.All {
		return nil
	}
	list, ok := known[gone.Object]
	if !ok {
		q := r.query.filter
		q.IDs, q.Limit = []stix.ID{stix.ID(gone.Object)}, stepEntries
		positions, err := s.Positions(q)
		if err != nil {
			return err
		}
		for _, at := range positions {
			if at > r.cursor {
				break // it has its own turn
			}
			e, err := s.Entry(at)
			if err != nil {
				return err
			}
			list = append(list, exposure{at, e})
		}
	}
	var left []exposure
	for _, x := range list {
		if !r.query.exposes(gone, x.entry, x.at) {
			left = append(left, x)
		} else if err := add(0, x.at, x.entry); err != nil {
			return err
		} else {
			r.unhide(x.at)
			r.reveal(x.at)
		}
	}
	known[gone.Object] = left
	return nil
}

// shown reports whether the version that was added at of, and removed at p, may have been shown to the reader.
func (r *reading) shown(of, p journal.Position) bool {
	if of > r.cursor {
		return false // it is read now, and is not there
	}
	for _, s := range r.passed {
		if of > s.start && of <= s.end {
			return p > s.length
		}
	}
	return true
}

// mostRelated bounds how many entries of an object are read to find out whether a version was ever shown.
const mostRelated = 1000

// unseen reports whether a version from before the stream began cannot have been shown to its reader over an earlier connection:
// when it came, another one was there that was shown instead, and still was when the stream began. Where that is not known, it may
// have been.
func (r *reading) unseen(s *store.Snapshot, gone journal.Entry) (bool, error) {
	v := r.query.filter.Versions
	if gone.Of > r.start || v.All || len(v.Exact) > 0 || v.First && v.Last || r.forgets || r.revealed[gone.Of] {
		delete(r.revealed, gone.Of)
		return false, nil
	}
	list, err := s.EntriesOf(stix.ID(gone.Object))
	if err != nil || len(list) > mostRelated {
		return false, err
	}
	instead := map[journal.Position]bool{} // versions that were shown instead
	for _, p := range list {
		if p > r.start {
			break
		}
		e, err := s.Entry(p)
		if err != nil {
			return false, err
		}
		switch {
		case e.Kind == journal.Added && p < gone.Of && e.SpecVersion == gone.SpecVersion:
			// Of two versions the one hides the other if its removal exposes that.
			other := journal.Entry{SpecVersion: gone.SpecVersion, Version: gone.Version}
			instead[p] = e.Version != "" && gone.Version != "" && e.Version != gone.Version &&
				r.query.exposes(journal.Entry{SpecVersion: e.SpecVersion, Version: e.Version, Of: p}, other, gone.Of)
		case e.Kind == journal.Deleted || e.Kind == journal.Withdrawn:
			delete(instead, e.Of)
		}
	}
	for _, hides := range instead {
		if hides {
			return true, nil
		}
	}
	return false, nil
}

// reveal notes that a version from before the stream began was shown. When there are more than mostHidden, any may have been.
func (r *reading) reveal(p journal.Position) {
	if p > r.start || r.forgets {
		return
	}
	if r.revealed == nil {
		r.revealed = map[journal.Position]bool{}
	}
	r.revealed[p] = true
	r.forgets = r.forgets || len(r.revealed) > mostHidden
	if r.forgets {
		r.revealed = nil
	}
}

// hide notes that a version was not shown when its turn came.
func (r *reading) hide(p journal.Position) {
	if len(r.hidden) == mostHidden {
		r.hidden = append(r.hidden[:0], r.hidden[mostHidden/2:]...)
	}
	r.hidden = append(r.hidden, p)
}

// unhide reports whether a version is hidden, and forgets it: it is shown now, or gone.
func (r *reading) unhide(p journal.Position) bool {
	i, found := slices.BinarySearch(r.hidden, p)
	if found {
		r.hidden = slices.Delete(r.hidden, i, i+1)
	}
	return found
}

// pass notes that the entries up to end were read when the journal had length entries.
func (r *reading) pass(end, length journal.Position) {
	for len(r.passed) > 0 && r.passed[0].length <= end {
		r.passed = r.passed[1:]
	}
	if n := len(r.passed); n > 0 && r.passed[n-1].length == length {
		r.passed[n-1].end = end
	} else if end < length {
		r.passed = append(r.passed, span{r.cursor, end, length})
	}
}
