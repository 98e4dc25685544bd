package follow

import (
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// task follows from an applied entry and runs before the next one. It does its work in an order of its own, and after names
// the last word that is done, so that a large one is spread over several batches.
type task struct {
	kind  byte
	id    stix.ID
	after string
}

// The kinds of tasks.
const (
	taskWake    = 'w' // an object has arrived: release what waits for it
	taskFill    = 'f' // an object has arrived: what went without a reference to it goes with it
	taskCascade = 'c' // an object has left: withdraw what refers to it

	taskCascadeTerms = 'C' // an object has left because of the terms: withdraw what refers to it, which may return

	taskJudge   = 'j' // a marking definition came or went, or a date in it has come: judge again what it decides
	taskRetry   = 'v' // a version is no longer above the ceiling, or no longer in the target: judge the object's versions again
	taskResolve = 'x' // something of an object was removed from the target: try again what was in conflict with it
	taskDue     = 'e' // id is empty: what waited for a time goes, what has expired is taken back
	taskRefer   = 'l' // id is a position: record the references of a version that has many, then release it
)

// encode returns the task as the queue keeps it.
func (t task) encode() []byte {
	return []byte(string(t.kind) + string(t.id) + "\x00" + t.after)
}

func decodeTask(b []byte) (task, bool) {
	if len(b) < 2 {
		return task{}, false
	}
	id, after, _ := strings.Cut(string(b[1:]), "\x00")
	if b[0] == taskRefer { // a position may have zero bytes
		if len(b) < 10 {
			return task{}, false
		}
		id, after = string(b[1:9]), string(b[10:])
	}
	return task{kind: b[0], id: stix.ID(id), after: after}, true
}

// loadQueue returns the tasks that the last batch left, and the words they are kept under.
func (m *state) loadQueue() (tasks []task, words []string) {
	for _, word := range m.words(prefixQueue) {
		words = append(words, word)
		v, _ := m.get(prefixQueue + word)
		if t, ok := decodeTask(v); ok {
			tasks = append(tasks, t)
		}
	}
	return tasks, words
}

// keepQueue replaces the tasks kept under words by those that are left.
func (m *state) keepQueue(tasks []task, words []string) {
	for _, word := range words {
		m.unset(prefixQueue + word)
	}
	for i, t := range tasks {
		m.set(prefixQueue+positionWord(journal.Position(i)), t.encode())
	}
}

// runTasks runs the waiting tasks until the batch is full, and reports whether none is left.
func (b *batch) runTasks(full func() bool) (bool, error) {
	for len(b.tasks) > 0 {
		t := b.tasks[0]
		b.tasks = b.tasks[1:]
		finished, err := b.run(&t, full)
		if err != nil {
			return false, err
		}
		if !finished {
			b.tasks = append([]task{t}, b.tasks...)
			return false, nil
		}
	}
	return true, nil
}

// run does as much of a task as fits into the batch and reports whether it is done.
func (b *batch) run(t *task, full func() bool) (bool, error) {
	switch t.kind {
	case taskCascade, taskCascadeTerms:
		if b.holds(t.id) {
			return true, nil // it has come again
		}
		return b.each(t, referList(t.id), full, func(word string) error {
			b.state.unset(referList(t.id) + word)
			return b.withdrawReferring(t.id, word, t.kind == taskCascadeTerms)
		})
	case taskWake:
		return b.each(t, waitList(t.id), full, func(word string) error {
			b.state.unset(waitList(t.id) + word)
			return b.again(positionOf(word))
		})
	case taskFill:
		return b.fill(t, full)
	case taskJudge:
		return b.each(t, definedList(t.id), full, func(word string) error { return b.again(positionOf(word)) })
	case taskResolve:
		return b.each(t, conflictList(t.id), full, func(word string) error {
			b.state.unset(conflictList(t.id) + word)
			return b.again(positionOf(word))
		})
	case taskRetry:
		return b.retry(t, full)
	case taskDue:
		return b.runDue(full)
	case taskRefer:
		return b.referMany(t, full)
	}
	return true, nil // of an unknown kind: an older program's
}

// each calls do with the words of a list after those that are done.
func (b *batch) each(t *task, list string, full func() bool, do func(word string) error) (bool, error) {
	for _, word := range b.state.words(list) {
		if word <= t.after && t.after != "" {
			continue
		}
		if full() {
			return false, nil
		}
		if err := do(word); err != nil {
			return false, err
		}
		t.after = word
	}
	return true, nil
}

// withdrawReferring withdraws the version that a word of a referList names. One without a version, of an older format,
// names all versions. A version that can go without the reference is copied anew instead, and
// so is one whose reference turns out to be to an author.
func (b *batch) withdrawReferring(to stix.ID, word string, byTerms bool) error {
	text, key, one := strings.Cut(word, "\x00")
	id := stix.ID(text)
	if b.source != nil && (b.route.rule.Cuts() || b.hides() && b.isAuthor(to)) {
		if done, err := b.copyAnew(id, key, byTerms); done || err != nil {
			return err
		}
	}
	return b.withdraw(id, withdrawal{
		pick:   func(v *targetVersion) bool { return (!one || v.key == key) && !b.refersNo(v, to) },
		reason: fmt.Sprintf("it refers to %s, which was withdrawn", b.ids.to(to)), mayReturn: byTerms,
	})
}

// again judges a version of the source again.
func (b *batch) again(p journal.Position) error {
	e, err := readEntry(b.source, p)
	if err != nil || e.recorded.Kind != journal.Added {
		return err
	}
	b.causedAt(e)
	return b.added(e)
}

// retry judges the versions of an object again that the release has passed.
func (b *batch) retry(t *task, full func() bool) (bool, error) {
	versions, err := b.source.Versions(t.id)
	if err != nil {
		return false, err
	}
	for _, v := range versions {
		word := positionWord(v.Position)
		if v.Position > b.position || word <= t.after && t.after != "" {
			continue
		}
		if full() {
			return false, nil
		}
		if err := b.again(v.Position); err != nil {
			return false, err
		}
		t.after = word
	}
	return true, nil
}

// manyReferences is from how many references on they are recorded in pieces: others write to the target in between.
const manyReferences = 2000

// referMany records the references of a version, and then releases it.
func (b *batch) referMany(t *task, full func() bool) (bool, error) {
	e, err := readEntry(b.source, positionOf(string(t.id)))
	if err != nil || !e.present {
		return true, err
	}
	c, err := b.base(e)
	if err != nil || c.out == nil {
		return true, err
	}
	base := c.out
	done := int(positionOf(t.after))
	for done < len(base.references) {
		if full() {
			return false, nil
		}
		next := min(done+manyReferences/4, len(base.references))
		b.referSome(e, base.key, base.references[done:next])
		done = next
		t.after = positionWord(journal.Position(done))
	}
	b.referred[e.position] = true
	return true, b.added(e)
}
