package applyfile

import (
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// contradictions reports terms of a release by which nothing would ever go, because of the terms of its target.
func (p *planner) contradictions(e agreementEntry, i int, r agreement.Release, to *agreement.Agreement) {
	line := func(term string) int { return e.line(fmt.Sprintf("release[%d]%s", i, term)) }
	if r.Hides() && to.Accept.CreatedBy == agreement.CreatedByParty {
		p.add(line(".change.author"), "%s hides authors from %s, which takes only what the party itself created (accept.created_by): nothing would go", e.called(), r.To)
	}
}
