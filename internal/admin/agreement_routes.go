package admin

import (
	"net/http"
	"slices"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/applyfile"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// agreementRoutes are the paths of agreements, their life cycle and questions about them, and of apply files.
var agreementRoutes = slices.Concat(reportRoutes, partyRoutes, []route{
	{
		method: http.MethodGet, path: "agreements/", reach: accounts, do: (*Service).serveAgreements,
		summary: "List agreements", note: "Those that the caller has a role in; all for operators.",
		query: []string{"figures"}, answer: AgreementList{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/", reach: accounts, do: (*Service).serveAgreement,
		summary: "Show one agreement", note: "Terms, state and figures, as far as the caller may know them.",
		answer: Agreement{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/renew/", reach: operators, do: (*Service).serveRenew,
		summary: "Move the end of the term", note: "until is a date, or a date and time. Journaled.",
		body: TermChange{}, answer: Agreement{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/suspend/", reach: operators, do: (*Service).serveSuspend,
		summary: "Suspend an agreement", note: "The parties are shown the reason. Journaled.",
		body: TermChange{}, answer: Agreement{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/resume/", reach: operators, do: (*Service).serveResume,
		summary: "End a suspension", note: "Journaled.",
		body: TermChange{}, answer: Agreement{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/terminate/", reach: operators, do: (*Service).serveTerminate,
		summary: "Terminate an agreement for good", note: "With withdraw, what was released onward is taken back. Journaled.",
		body: TermChange{}, answer: Agreement{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/explain/", reach: operators, do: (*Service).serveExplain,
		summary: "Say what an account may do, and why",
		query:   []string{"account", "object"}, answer: Explanation{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/release/", reach: operators, do: (*Service).servePreview,
		summary: "Say what a release would pass on", note: "A decision for each version. Changes nothing.",
		query: []string{"to"}, answer: DecisionList{},
	},
	{
		method: http.MethodPost, path: "apply/", reach: operators, memory: largeAnswer, do: (*Service).serveApply,
		summary: "Apply a file", note: "The text of an apply file, with hashes of its passwords. With dry_run it says what would change and how many objects " +
			"would be withdrawn; what withdraws is applied with yes, or with the plan of an answer before. Journaled.",
		body: ApplyRequest{}, answer: applyfile.Outcome{},
	},
})

// AgreementList is the answer about all agreements.
type AgreementList struct {
	Agreements []Agreement `json:"agreements"`
}

func (s *Service) serveAgreements(c call) (any, error) {
	values, err := parameters(c.Request, "figures")
	if err != nil {
		return nil, err
	}
	view := s.viewOf
	switch values.Get("figures") {
	case "", "true":
	case "false":
		view = s.termsOf
	default:
		return nil, badQuery("the parameter figures is %q, expected true or false", values.Get("figures"))
	}
	all, err := s.agreements(view)
	list := make([]Agreement, 0, len(all))
	for _, a := range all {
		if a, err := s.shown(a, c.caller); err == nil {
			list = append(list, a)
		}
	}
	return AgreementList{list}, err
}

func (s *Service) serveAgreement(c call) (any, error) {
	a, err := s.Agreement(c.agreement())
	if err != nil && !c.caller.Operator {
		err = notFound("there is no agreement %s", c.name())
	}
	if err != nil {
		return nil, err
	}
	return s.shown(a, c.caller)
}

// TermChange is the body of the four acts; each uses some of it.
type TermChange struct {
	Until    string `json:"until,omitempty"` // renew: as agreement.ParseDate reads it
	Reason   string `json:"reason,omitempty"`
	Withdraw bool   `json:"withdraw,omitempty"` // terminate
}

func (s *Service) serveRenew(c call) (any, error) {
	return s.changed(c, func(body TermChange) error {
		until, err := agreement.ParseDate(body.Until)
		if err != nil {
			return &badRequest{err}
		}
		return s.Renew(c.Context(), c.by, c.agreement(), until)
	})
}

func (s *Service) serveSuspend(c call) (any, error) {
	return s.changed(c, func(body TermChange) error { return s.Suspend(c.Context(), c.by, c.agreement(), body.Reason) })
}

func (s *Service) serveResume(c call) (any, error) {
	return s.changed(c, func(TermChange) error { return s.Resume(c.Context(), c.by, c.agreement()) })
}

func (s *Service) serveTerminate(c call) (any, error) {
	return s.changed(c, func(body TermChange) error {
		return s.Terminate(c.Context(), c.by, c.agreement(), body.Withdraw, body.Reason)
	})
}

// changed reads the body, has do act, and answers with the agreement as it is then.
func (s *Service) changed(c call, do func(TermChange) error) (any, error) {
	var body TermChange
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	if err := do(body); err != nil {
		return nil, err
	}
	return s.Agreement(c.agreement())
}

func (s *Service) serveExplain(c call) (any, error) {
	q := c.URL.Query()
	return s.Explain(c.Context(), q.Get("account"), c.agreement(), stix.ID(q.Get("object")))
}

// DecisionList is the answer about what a release does.
type DecisionList struct {
	Decisions []follow.Decision `json:"decisions"`
}

func (s *Service) servePreview(c call) (any, error) {
	list, err := s.PreviewRelease(c.Context(), c.agreement(), agreement.Name(c.URL.Query().Get("to")))
	if list == nil {
		list = []follow.Decision{}
	}
	return DecisionList{list}, err
}

// ApplyRequest is an apply file, and how far its application goes.
type ApplyRequest struct {
	applyfile.Message
	applyfile.Consent
}

func (s *Service) serveApply(c call) (any, error) {
	var body ApplyRequest
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	body.KeepKnown(func(account string) string {
		a, _ := s.store.Registry().Account(account)
		return a.PasswordHash
	})
	return s.ApplyWith(c.Context(), c.by, body.File(), body.Consent)
}
