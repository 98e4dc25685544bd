package follow

import (
	"sync"
	"sync/atomic"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
)

// entryJudgements are what rules and terms have made of an entry. Most targets of a source have the same, so that each entry is judged, and
// changed, once for all of them.
type entryJudgements struct {
	mu   sync.Mutex
	list []*judgement // guarded by mu; the newest last
}

// mostJudgements bounds them: an entry keeps those of so many rules and terms.
const mostJudgements = 4

// judgement is what one rule and terms have made of an entry. The nil judgement keeps nothing.
type judgement struct {
	print string
	level atomic.Uint32 // 0 if unknown, else 1 + the level that it counts as in the target, where nothing refuses it
	copy  atomic.Pointer[changedCopy]
}

// under returns the judgement of an entry by the rule and terms that have a fingerprint; nil without one.
func (e *entry) under(print string) *judgement {
	if print == "" {
		return nil
	}
	e.judged.mu.Lock()
	defer e.judged.mu.Unlock()
	for _, j := range e.judged.list {
		if j.print == print {
			return j
		}
	}
	j := &judgement{print: print}
	if len(e.judged.list) == mostJudgements {
		e.judged.list = append(e.judged.list[:0], e.judged.list[1:]...)
	}
	e.judged.list = append(e.judged.list, j)
	return j
}

func (j *judgement) known() (level stix.TLP, known bool) {
	if j == nil {
		return 0, false
	}
	n := j.level.Load()
	return stix.TLP(n - 1), n > 0
}

func (j *judgement) keep(level stix.TLP) {
	if j != nil {
		j.level.Store(1 + uint32(level))
	}
}

// judgingOf returns the fingerprint under which a route's judgements are kept: the same for all targets with the same rule and terms.
// It is "" where a term depends on more than the entry (on the party that created it).
func judgingOf(r route) (string, error) {
	if r.forward != nil || r.target.Agreement().Accept.CreatedBy == agreement.CreatedByParty {
		return "", nil
	}
	rule := r.rule
	rule.To = ""
	print, err := fingerprint(rule, r.target.Agreement(), r.source.Agreement())
	return string(print), err
}
