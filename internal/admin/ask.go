package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/budget"
)

// Question is a request for a route from within the process.
type Question struct {
	Caller agreement.Caller
	Method string // "" is GET
	Path   string // below Prefix, with its query
	Body   any    // JSON is made of it; nil: none
}

// Reply is the answer to a Question.
type Reply struct {
	Answer any // of the type that the route answers with; []byte for one that is no JSON

	// Ended must be called, once it is known whether all of the answer was shown.
	Ended func(whole bool)
}

// Ask has a route answer as it would over the network: with the caller's rights, noted deliveries, and memory of the
// reservation in the context, which holds it until the request that the answer is for has ended. Pages for people are made of such
// answers, so that there is one set of rules.
func (s *Service) Ask(ctx context.Context, q Question) (Reply, error) {
	var body io.Reader
	if q.Body != nil {
		text, err := json.Marshal(q.Body)
		if err != nil {
			return Reply{}, fmt.Errorf("ask for %s: %w", q.Path, err)
		}
		body = bytes.NewReader(text)
	}
	a := &asking{err: notFound("there is no %s here", q.Path)}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, askingKey{}, a), cmp.Or(q.Method, http.MethodGet), Prefix+q.Path, body)
	if err != nil {
		return Reply{}, &badRequest{err}
	}
	s.asked().ServeHTTP(unwritten{}, withCaller(req, q.Caller))
	if a.err != nil {
		return Reply{}, s.outward(req, a.err)
	}
	if p, ok := a.reply.Answer.(plain); ok {
		a.reply.Answer = p.body
	}
	return a.reply, nil
}

// StatusOf returns the HTTP status that says what an error of a Service, or of logging in, means.
func StatusOf(err error) int { return statusOf(err) }

// askingKey is the key, in the context of a request that Ask makes, of where the answer goes.
type askingKey struct{}

type asking struct {
	reply Reply
	err   error
}

// askable routes the requests of Ask. Streams, and what is for the machine itself, cannot be asked for.
func (s *Service) askable() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.reach == local || r.stream != nil {
			continue
		}
		answer := func(_ http.ResponseWriter, req *http.Request) {
			a := req.Context().Value(askingKey{}).(*asking)
			reserved := budget.From(req.Context())
			if a.err = reserved.Add(req.Context(), cmp.Or(r.memory, smallAnswer)); a.err == nil {
				a.reply.Answer, a.reply.Ended, a.err = s.answer(r, req, reserved)
			}
		}
		mux.HandleFunc(r.method+" "+Prefix+r.path+"{$}", answer)
		mux.HandleFunc(r.method+" "+Prefix+strings.TrimSuffix(r.path, "/"), answer)
	}
	return mux
}

// unwritten takes what the mux says of a path that it does not know: Ask has an error of its own for that.
type unwritten struct{}

func (unwritten) Header() http.Header         { return http.Header{} }
func (unwritten) Write(b []byte) (int, error) { return len(b), nil }
func (unwritten) WriteHeader(int)             {}
