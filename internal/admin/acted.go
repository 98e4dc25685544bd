package admin

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Act is something that an operator did, or tried to do.
type Act struct {
	By     agreement.AccountName
	What   string // the summary of the route, such as "Suspend an agreement"
	Method string
	Path   string // below where the API is mounted
	Err    error  // why it was not done; nil: it was
}

// administrative reports whether a route changes something: what it does is told to Config.Acted.
func (r *route) administrative() bool {
	return r.method != http.MethodGet && !r.asks
}

// acted tells of an act.
func (s *Service) acted(r route, c agreement.Caller, req *http.Request, err error) {
	if s.tell == nil || !r.administrative() || err != nil && !c.Operator {
		return
	}
	s.tell(Act{By: c.Account, What: cmp.Or(r.summary, r.path), Method: req.Method, Path: strings.TrimPrefix(strings.TrimPrefix(req.URL.Path, Prefix), "/"), Err: err})
}
