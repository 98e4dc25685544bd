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
var agreementRoutes = []route{
	{http.MethodGet, "agreements/", accounts, (*Service).serveAgreements},
	{http.MethodGet, "agreements/{name}/", accounts, (*Service).serveAgreement},
	{http.MethodPost, "agreements/{name}/renew/", operators, (*Service).serveRenew},
	{http.MethodPost, "agreements/{name}/suspend/", operators, (*Service).serveSuspend},
	{http.MethodPost, "agreements/{name}/resume/", operators, (*Service).serveResume},
	{http.MethodPost, "agreements/{name}/terminate/", operators, (*Service).serveTerminate},
	{http.MethodGet, "agreements/{name}/explain/", operators, (*Service).serveExplain},
	{http.MethodGet, "agreements/{name}/release/", operators, (*Service).servePreview},
	{http.MethodPost, "apply/", local, (*Service).serveApply},
}

// AgreementList is the answer about all agreements.
type AgreementList struct {
	Agreements []Agreement `json:"agreements"`
}

func (s *Service) serveAgreements(c call) (any, error) {
	list, err := s.Agreements()
	list = slices.DeleteFunc(list, func(a Agreement) bool { return !s.sees(c, &a) })
	return AgreementList{list}, err
}

func (s *Service) serveAgreement(c call) (any, error) {
	a, err := s.Agreement(c.agreement())
	if err == nil && !s.sees(c, &a) {
		return nil, notFound("there is no agreement %s", c.name())
	}
	return a, err
}

// sees reports whether the caller may know of an agreement.
func (s *Service) sees(c call, a *Agreement) bool {
	return agreement.Permit(&a.Agreement, c.caller, agreement.See, s.now()) == nil
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

// ApplyAnswer has a line for each thing of an apply file.
type ApplyAnswer struct {
	Lines []applyfile.Line `json:"lines"`
}

func (s *Service) serveApply(c call) (any, error) {
	var body applyfile.Message
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	lines, err := s.Apply(c.Context(), c.by, body.File())
	return ApplyAnswer{lines}, err
}
