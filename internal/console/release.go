package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
)

// releasePage is what a release would do, by verdict and by the term that decides: counts first, then examples.
type releasePage struct {
	From, To string
	Total    int
	Groups   []releaseGroup
	Only     string // the group that is shown whole
	Rows     []follow.Decision
	More     int
}

type releaseGroup struct {
	Verdict, Reason string
	Count           int
	Path            string
	Examples        []follow.Decision
	On              bool
}

const (
	releaseExamples = 3
	mostDecisions   = 500
)

// verdictWords are verdicts in words, in the order of a page.
var verdictWords = []struct {
	verdict follow.Verdict
	words   string
}{
	{follow.Goes, "goes with the next step"}, {follow.There, "is there"}, {follow.Waits, "waits for an object that it refers to"}, {follow.Refused, "stays"},
	{follow.Blocked, "is taken back, or kept back by a later version"}, {follow.Gone, "was removed there, and does not come back"}, {follow.Deleted, "was deleted at the source"}, {follow.Corrected, "was corrected at the source"},
	{follow.Conflicts, "meets other content there"},
}

func wordsOf(v follow.Verdict) string {
	for _, w := range verdictWords {
		if w.verdict == v {
			return w.words
		}
	}
	return string(v)
}

// showRelease answers: what would go, what stays and by which term?
func showRelease(p *page) error {
	from, to := p.r.PathValue("name"), p.r.PathValue("to")
	answer, err := ask[admin.DecisionList](p, apiAgreement(from)+"release/"+query("to", to))
	if err != nil {
		return err
	}
	v := releasePage{From: from, To: to, Total: len(answer.Decisions), Only: p.value("group")}
	groups := map[string]*releaseGroup{}
	for _, d := range answer.Decisions {
		reason := ""
		if len(d.Reasons) > 0 {
			reason, _, _ = strings.Cut(d.Reasons[0], ":")
		}
		key := string(d.Verdict) + " " + reason
		g := groups[key]
		if g == nil {
			g = &releaseGroup{Verdict: wordsOf(d.Verdict), Reason: reason, Path: agreementPath(agreement.Name(from)) + "release/" + to + "/" + query("group", key), On: v.Only == key}
			groups[key] = g
		}
		g.Count++
		if len(g.Examples) < releaseExamples {
			g.Examples = append(g.Examples, d)
		}
		if v.Only == key {
			if len(v.Rows) < mostDecisions {
				v.Rows = append(v.Rows, d)
			} else {
				v.More++
			}
		}
	}
	for _, g := range groups {
		v.Groups = append(v.Groups, *g)
	}
	order := func(g releaseGroup) int {
		return slices.IndexFunc(verdictWords, func(w struct {
			verdict follow.Verdict
			words   string
		}) bool {
			return w.words == g.Verdict
		})
	}
	slices.SortFunc(v.Groups, func(a, b releaseGroup) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return p.show(http.StatusOK, "release", "Release from "+from+" to "+to, v,
		command{"A decision for each version:", "accord agreement release " + quote(from) + " --to " + quote(to) + " --dry-run " + p.atServer()},
		command{"Why an account would receive one object, or not:", "accord explain ACCOUNT " + quote(to) + " OBJECT-ID " + p.atServer()})
}
