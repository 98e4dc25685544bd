package admin

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/delivery"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// auditRoutes are the paths of history: signed heads, proofs, entries, deliveries. Auditors of the agreement and operators
// reach all of them; producers what concerns the entries that their party added; every party heads, proofs of consistency, and
// the entries of versions that it received.
var auditRoutes = []route{
	{
		method: http.MethodGet, path: "openapi.json/", reach: accounts, do: (*Service).serveOpenAPI,
		summary: "This document", note: "OpenAPI 3.1.",
		answer: plain{mediaType: "application/json"},
	},
	{
		method: http.MethodGet, path: "keys/", reach: accounts, do: (*Service).serveKeys,
		summary: "List the signing keys", note: "The key that signs heads, those that did before, and the notes in which each names its successor.",
		answer: audit.KeyList{},
	},
	{
		method: http.MethodPost, path: "keys/", reach: local, do: (*Service).serveNamedKeys,
		answer: audit.KeyList{},
	},
	{
		method: http.MethodPost, path: "keys/rotate/", reach: local, do: (*Service).serveRotateKey,
		answer: audit.KeyList{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/checkpoint/", reach: accounts, do: (*Service).serveCheckpoint,
		summary: "Get the signed head", note: "The head of the journal's tree as a signed note (C2SP tlog-checkpoint).",
		answer: plain{mediaType: "text/plain; charset=utf-8"},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/proof/", reach: accounts, do: (*Service).serveProof,
		summary: "Get a proof", note: "With entry (and size): that the entry is in the tree of the first size entries. With from (and to): that the tree of the first to entries begins with that of the first from. RFC 6962, sections 2.1.1 and 2.1.2.",
		query: []string{"entry", "size", "from", "to"}, answer: audit.Proof{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/entries/", reach: accounts, do: (*Service).serveEntries, memory: largeAnswer, long: true,
		summary: "Get entries as they are hashed", note: "Canonical bytes, for verifiers. For auditors and operators.",
		query: []string{"after", "limit"}, answer: audit.RawEntries{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/entry/", reach: accounts, do: (*Service).serveEntry, memory: largeAnswer,
		summary: "Get one entry as it is hashed", note: "For a producer, one about what its party added; for a consumer, one about a version that its party received, if it names no other party.",
		query: []string{"entry"}, answer: audit.RawEntry{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/content/", reach: accounts, do: (*Service).serveContent, memory: largeAnswer,
		summary: "Get an object's text", note: "Exactly the bytes whose digest the entry has, if the version is still there. For callers that may read objects, and for the party that added it.",
		query: []string{"entry"}, answer: plain{mediaType: "application/json"},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/terms/", reach: accounts, do: (*Service).serveTerms,
		summary: "Get a document of terms", note: "The document that an entry of kind terms put in force, byte by byte as the entry's digest covers it. For auditors and operators.",
		query: []string{"entry"}, answer: plain{mediaType: "application/json"},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/history/", reach: accounts, do: (*Service).serveHistory, memory: largeAnswer, long: true,
		summary: "Get history", note: "Of one object: its versions, what removed them, where each was released to and who received it. Without object: the whole journal, or for a producer what its party added and what became of that.",
		query: []string{"object", "after", "limit"}, answer: audit.History{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/changes/", reach: accounts, do: (*Service).serveTermsHistory, memory: largeAnswer, long: true,
		summary: "Get the changes of the terms", note: "The entries by which the terms changed, the newest first, each with what differs. For auditors and operators. after is the next of the page before.",
		query: []string{"after", "limit"}, answer: audit.History{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/deliveries/", reach: accounts, do: (*Service).serveDeliveries, memory: largeAnswer, long: true,
		summary: "Get deliveries", note: "With object: who was given which of its versions, when first and last, how often. With since or until, a date or a time: which versions were given to whom in between, of one party if it is named. Without: who reads, since when, how far behind. In pages: next, as the page before gave it. In a cluster all nodes are asked; lost.silent names those that did not answer.",
		query: []string{"object", "since", "until", "party", "limit", "next"}, answer: oneOf{audit.DeliveryList{}, audit.GivenList{}, audit.ConsumerList{}},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/logged/", reach: accounts, do: (*Service).serveLogged,
		summary: "Get the head in the server's journal", note: "The newest head of the agreement's journal that the server's own journal holds, and the proof that it is under the signed head of that journal. For every party.",
		answer: audit.Logged{},
	},
	{
		method: http.MethodGet, path: "server/checkpoint/", reach: accounts, do: (*Service).serveServerCheckpoint,
		summary: "Get the signed head of the server's journal", note: "Cosigned by the server's witnesses, if it has any. Its origin is the server's name.",
		answer: plain{mediaType: "text/plain; charset=utf-8"},
	},
	{
		method: http.MethodGet, path: "server/proof/", reach: accounts, do: (*Service).serveServerProof,
		summary: "Get a proof about the server's journal", note: "As for an agreement. Proofs of inclusion are for operators.",
		query: []string{"entry", "size", "from", "to"}, answer: audit.Proof{},
	},
	{
		method: http.MethodGet, path: "server/entries/", reach: operators, do: (*Service).serveServerEntries, memory: largeAnswer,
		summary: "Get entries of the server's journal as they are hashed",
		query:   []string{"after", "limit"}, answer: audit.RawEntries{},
	},
	{
		method: http.MethodGet, path: "server/entry/", reach: operators, do: (*Service).serveServerEntry,
		summary: "Get one entry of the server's journal as it is hashed",
		query:   []string{"entry"}, answer: audit.RawEntry{},
	},
	{
		method: http.MethodGet, path: "server/history/", reach: operators, do: (*Service).serveServerHistory, memory: largeAnswer,
		summary: "Get the history of the server", note: "Changes of accounts, parties, API roots and the list of agreements, and recorded heads of agreements.",
		query: []string{"after", "limit"}, answer: audit.History{},
	},
}

func (s *Service) serveKeys(call) (any, error) { return s.audit.Keys() }

// serveNamedKeys makes the first key, or one in the place of a lost one.
func (s *Service) serveNamedKeys(c call) (any, error) {
	var body struct {
		Name    string `json:"name"`
		Replace string `json:"replace"` // "lost": the folder has lost its key
	}
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	if body.Replace == "lost" {
		if _, err := s.store.ReplaceLostKeys(body.Name); err != nil {
			return nil, err
		}
		list, err := s.audit.NamedKeys(body.Name)
		if err != nil {
			return nil, err
		}
		return list, s.store.Record(c.Context(), c.by, "replace", "key "+list.Key, "the key before it is lost")
	}
	return s.audit.NamedKeys(body.Name)
}

// serveRotateKey rotates the key. The server's journal says so: under the new key, like everything after it.
func (s *Service) serveRotateKey(c call) (any, error) {
	before, err := s.audit.Keys()
	if err != nil {
		return nil, err
	}
	list, err := s.audit.RotateKey(c.Context())
	if err != nil {
		return nil, err
	}
	return list, s.store.Record(c.Context(), c.by, "rotate", "key "+list.Key, "succeeds "+before.Key)
}

// view returns what the caller may see of the history of the agreement in the path, and the query with the known
// parameters.
func (s *Service) view(c call, known ...string) (*audit.View, url.Values, error) {
	v, err := s.audit.View(c.agreement(), c.caller)
	if errors.Is(err, audit.ErrNotFound) && c.caller.Operator {
		err = s.missing(c.agreement())
	}
	if err != nil {
		return nil, nil, err
	}
	values, err := parameters(c.Request, known...)
	return v, values, err
}

func (s *Service) serveCheckpoint(c call) (any, error) {
	v, _, err := s.view(c)
	if err != nil {
		return nil, err
	}
	signed, err := v.Checkpoint()
	return plain{mediaType: "text/plain; charset=utf-8", body: signed}, err
}

func (s *Service) serveProof(c call) (any, error) {
	v, values, err := s.view(c, "entry", "size", "from", "to")
	if err != nil {
		return nil, err
	}
	return prove(v, values)
}

// prover is a journal that proves what is in it.
type prover interface {
	Size() (uint64, error)
	ProveEntry(p journal.Position, size uint64) (audit.Proof, error)
	ProveConsistency(from, to uint64) (audit.Proof, error)
}

// prove makes the proof of inclusion (entry, size) or of consistency (from, to) that a query asks for; size and to are the journal's
// own if they are left out.
func prove(v prover, values url.Values) (any, error) {
	inclusion, consistency := values.Has("entry"), values.Has("from")
	if inclusion == consistency || inclusion && values.Has("to") || consistency && values.Has("size") {
		return nil, badQuery("a proof is asked for with entry and size, or with from and to")
	}
	now, err := v.Size()
	if err != nil {
		return nil, err
	}
	first, last := "from", "to"
	if inclusion {
		first, last = "entry", "size"
	}
	from, err := number(values, first, 0)
	if err != nil {
		return nil, err
	}
	to, err := number(values, last, now)
	if err != nil {
		return nil, err
	}
	if inclusion {
		return v.ProveEntry(journal.Position(from), to)
	}
	return v.ProveConsistency(from, to)
}

func (s *Service) serveEntries(c call) (any, error) {
	v, err := s.audit.View(c.agreement(), c.caller)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(v.Audits("the journal"), v.All("the whole journal")); err != nil {
		return nil, err
	}
	values, err := parameters(c.Request, "after", "limit")
	if err != nil {
		return nil, err
	}
	after, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	return v.Entries(after, limit)
}

func (s *Service) serveEntry(c call) (any, error) {
	v, p, err := s.entryAsked(c)
	if err != nil {
		return nil, err
	}
	return v.Entry(p)
}

func (s *Service) serveContent(c call) (any, error) {
	v, p, err := s.entryAsked(c)
	if err != nil {
		return nil, err
	}
	text, ended, err := v.Content(c.Context(), p)
	if err != nil {
		return nil, err
	}
	return noted{plain{mediaType: "application/json", body: text}, func() (func(bool), error) { return ended, nil }}, nil
}

// serveTerms serves the document that an entry about terms covers.
func (s *Service) serveTerms(c call) (any, error) {
	v, p, err := s.entryAsked(c)
	if err != nil {
		return nil, err
	}
	document, err := v.Document(p)
	return plain{"application/json", document}, err
}

// entryAsked returns the position that a request names.
func (s *Service) entryAsked(c call) (*audit.View, journal.Position, error) {
	v, values, err := s.view(c, "entry")
	if err != nil {
		return nil, 0, err
	}
	p, err := number(values, "entry", 0)
	return v, journal.Position(p), err
}

// serveHistory serves an object's history, or the agreement's whole journal (object, after, limit).
func (s *Service) serveHistory(c call) (any, error) {
	v, values, err := s.view(c, "object", "after", "limit")
	if err != nil {
		return nil, err
	}
	after, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	object := values.Get("object")
	h, err := v.History(object, after, limit)
	if col, ok := s.store.Collection(c.agreement()); err == nil && ok && object != "" {
		h.Feedback, err = follow.FeedbackOn(s.store, col, stix.ID(object))
	}
	return h, err
}

// serveTermsHistory serves the changes of an agreement's terms.
func (s *Service) serveTermsHistory(c call) (any, error) {
	v, values, err := s.view(c, "after", "limit")
	if err != nil {
		return nil, err
	}
	before, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	return v.TermsHistory(before, limit)
}

// serveDeliveries serves the receipts of an object (object), what was given in a span of time (since, until), or the readers
// and how far each has come (limit, next).
func (s *Service) serveDeliveries(c call) (any, error) {
	v, values, err := s.view(c, "object", "since", "until", "party", "limit", "next")
	if err != nil {
		return nil, err
	}
	_, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	if id := values.Get("object"); id != "" {
		return v.Deliveries(id, values.Get("next"), limit)
	}
	span := delivery.Span{Party: values.Get("party")}
	if span.From, err = dateIn(values, "since"); err != nil {
		return nil, err
	}
	if span.Until, err = dateIn(values, "until"); err != nil {
		return nil, err
	}
	if values.Has("since") || values.Has("until") || values.Has("party") {
		return v.Given(span, values.Get("next"), limit)
	}
	return v.Consumers(values.Get("next"), limit)
}

// serveLogged serves the newest head of the agreement's journal in the server's own.
func (s *Service) serveLogged(c call) (any, error) {
	v, _, err := s.view(c)
	if err != nil {
		return nil, err
	}
	return v.Logged()
}

// parameters reads the query of a request, and refuses names it does not know.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &badRequest{fmt.Errorf("read the query: %w", err)}
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return nil, &badRequest{fmt.Errorf("there is no parameter %q here, only %s", name, strings.Join(known, ", "))}
		}
		if len(given) != 1 {
			return nil, &badRequest{fmt.Errorf("the parameter %s is given %d times", name, len(given))}
		}
	}
	return values, nil
}

// number reads a parameter that is a whole number; without it, otherwise.
func number(values url.Values, name string, otherwise uint64) (uint64, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n > math.MaxInt64 {
		return 0, &badRequest{fmt.Errorf("the parameter %s is %q, expected a whole number that is not negative", name, text)}
	}
	return n, nil
}

// page reads the parameters after and limit.
func page(values url.Values) (after journal.Position, limit int, err error) {
	from, err := number(values, "after", 0)
	if err != nil {
		return 0, 0, err
	}
	most, err := number(values, "limit", audit.PageDefault)
	if err == nil && most == 0 {
		err = badQuery("the parameter limit is 0, expected at least 1")
	}
	return journal.Position(from), int(min(most, audit.PageMost)), err
}

func badQuery(format string, args ...any) error { return &badRequest{fmt.Errorf(format, args...)} }
