package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
)

// releaseRoutes are the paths of what waits in releases, for the operators of the server.
var releaseRoutes = []route{
	{
		method: http.MethodGet, path: "agreements/{name}/queue/", reach: operators, memory: largeAnswer, do: (*Service).serveQueue,
		summary: "List what waits in the releases of an agreement", note: "For an embargo to end, or for approvals.",
		query: []string{"to"}, answer: QueueList{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/queue/", reach: operators, memory: largeAnswer, do: (*Service).serveDecide,
		summary: "Approve or refuse what waits in a release", note: "All waiting versions of the objects. Journaled, with who decided and why. The same account twice is refused.",
		body: ReleaseDecision{}, answer: Decided{},
	},
}

// QueueList lists what waits in the releases of an agreement.
type QueueList struct {
	Queue []follow.Queued `json:"queue"`
}

// ReleaseDecision approves or refuses objects that wait.
type ReleaseDecision struct {
	Objects []stix.ID             `json:"objects"`
	To      agreement.Name        `json:"to"`
	Refuse  bool                  `json:"refuse,omitempty"`
	Reason  string                `json:"reason"`
	By      agreement.AccountName `json:"by,omitempty"` // the account that decided; default the caller's
}

// Decided is what came of a decision.
type Decided struct {
	Versions []DecidedVersion `json:"versions"`
}

// DecidedVersion is one version that was decided about. Missing is how many more approvals it needs.
type DecidedVersion struct {
	Object  stix.ID `json:"object"`
	Version string  `json:"version,omitempty"`
	Missing int     `json:"missing"`
}

// Queue lists what waits in the releases of an agreement: in all of them when to is "".
func (s *Service) Queue(name, to agreement.Name) ([]follow.Queued, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return nil, s.missing(name)
	}
	if _, ok := col.Agreement().ReleaseTo(to); !ok && to != "" {
		return nil, refuse("the agreement %s does not release to %s", name, to)
	}
	list, err := follow.Queue(s.store, col)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(q follow.Queued) bool { return to != "" && q.Target != to }), nil
}

// Decide approves or refuses what waits of some objects in a release: all of it, or nothing.
func (s *Service) Decide(ctx context.Context, by store.Actor, name agreement.Name, d ReleaseDecision) (Decided, error) {
	if d.Reason == "" {
		return Decided{}, &badRequest{fmt.Errorf("reason is empty: the journal keeps why")}
	}
	if len(d.Objects) == 0 || d.To == "" {
		return Decided{}, &badRequest{fmt.Errorf("want objects, and the agreement in to")}
	}
	if d.By != "" {
		account, ok := s.store.Registry().Account(string(d.By))
		switch {
		case !ok:
			return Decided{}, notFound("there is no account %s", d.By)
		case account.Disabled:
			return Decided{}, refuse("the account %s is disabled", d.By)
		}
		if d.By != by.Account {
			d.Reason += fmt.Sprintf(" (entered by %s)", cmp.Or(by.Account, "the operator"))
		}
		by = store.Actor{Account: d.By}
	}
	for try := 1; ; try++ {
		decided, err := s.decide(ctx, by, name, d)
		if !errors.Is(err, store.ErrStale) || try == mostPlans {
			return decided, err
		}
	}
}

// decide is Decide by the terms that are in force when it begins: if there are others in the end, it is store.ErrStale.
func (s *Service) decide(ctx context.Context, by store.Actor, name agreement.Name, d ReleaseDecision) (Decided, error) {
	col, ok := s.store.Collection(name)
	if !ok {
		return Decided{}, s.missing(name)
	}
	a, terms := col.Terms()
	queue, err := s.Queue(name, d.To)
	if err != nil {
		return Decided{}, err
	}
	rule, _ := a.ReleaseTo(d.To)
	changes, answer, err := decisionsOf(queue, d, rule.TargetID(), by.Account)
	if err != nil {
		return Decided{}, err
	}
	result, err := col.Append(ctx, store.Batch{Actor: by, Terms: terms, Changes: changes})
	if err != nil {
		return Decided{}, fmt.Errorf("decide about a release of %s: %w", name, err)
	}
	for i, o := range result.Outcomes {
		switch o.Kind {
		case store.DecisionKept:
		case store.Already:
			return Decided{}, refuse("%s has decided the same about %s already", cmp.Or(by.Account, "the operator"), answer.Versions[i].Object)
		default:
			return Decided{}, refuse("%s is not in the agreement %s any more", answer.Versions[i].Object, name)
		}
	}
	return answer, nil
}

// decisionsOf makes the changes that a decision about what waits consists of.
func decisionsOf(queue []follow.Queued, d ReleaseDecision, target uuid.UUID, by agreement.AccountName) (changes []store.Change, answer Decided, err error) {
	for _, id := range d.Objects {
		found := false
		for _, q := range queue {
			if q.Object != id || q.Needs == 0 {
				continue
			}
			found = true
			if slices.Contains(q.Approved, by) && !d.Refuse {
				return nil, Decided{}, refuse("%s has approved %s already, and another account must", cmp.Or(by, "the operator"), id)
			}
			changes = append(changes, store.Change{Decide: &store.Decision{Of: q.Position, Target: target, Refuse: d.Refuse, Reason: d.Reason}})
			missing := q.Needs - len(q.Approved) - 1
			if d.Refuse {
				missing = 0
			}
			answer.Versions = append(answer.Versions, DecidedVersion{Object: id, Version: q.Version, Missing: missing})
		}
		if !found {
			return nil, Decided{}, refuse("nothing of %s waits for approval in the release to %s", id, d.To)
		}
	}
	return changes, answer, nil
}

func (s *Service) serveQueue(c call) (any, error) {
	list, err := s.Queue(c.agreement(), agreement.Name(c.URL.Query().Get("to")))
	if list == nil {
		list = []follow.Queued{}
	}
	return QueueList{list}, err
}

func (s *Service) serveDecide(c call) (any, error) {
	var body ReleaseDecision
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return s.Decide(c.Context(), c.by, c.agreement(), body)
}

// Queue lists what waits in the releases of an agreement.
func (c *Client) Queue(ctx context.Context, name agreement.Name) ([]follow.Queued, error) {
	var list QueueList
	err := c.do(ctx, http.MethodGet, queuePath(name), nil, &list)
	return list.Queue, err
}

// Decide approves or refuses what waits in a release.
func (c *Client) Decide(ctx context.Context, name agreement.Name, d ReleaseDecision) (answer Decided, err error) {
	err = c.do(ctx, http.MethodPost, queuePath(name), d, &answer)
	return answer, err
}

func queuePath(name agreement.Name) string {
	return "agreements/" + url.PathEscape(string(name)) + "/queue/"
}
