package admin

import (
	"errors"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// The routes of the server's own journal: changes of accounts, parties and API roots, and heads of agreements. Every account has its
// signed head and proofs of consistency, operators the rest.

func (s *Service) serveServerCheckpoint(c call) (any, error) {
	if _, err := parameters(c.Request); err != nil {
		return nil, err
	}
	signed, err := s.audit.Server(c.caller).Cosigned()
	return plain{"text/plain; charset=utf-8", signed}, err
}

func (s *Service) serveServerProof(c call) (any, error) {
	values, err := parameters(c.Request, "entry", "size", "from", "to")
	if err != nil {
		return nil, err
	}
	answer, err := prove(s.audit.Server(c.caller), values)
	if errors.Is(err, audit.ErrOperators) {
		err = errOperatorsOnly
	}
	return answer, err
}

func (s *Service) serveServerEntries(c call) (any, error) {
	values, err := parameters(c.Request, "after", "limit")
	if err != nil {
		return nil, err
	}
	after, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	return s.audit.Server(c.caller).Entries(after, limit)
}

func (s *Service) serveServerEntry(c call) (any, error) {
	values, err := parameters(c.Request, "entry")
	if err != nil {
		return nil, err
	}
	p, err := number(values, "entry", 0)
	if err != nil {
		return nil, err
	}
	return s.audit.Server(c.caller).Entry(journal.Position(p))
}

func (s *Service) serveServerHistory(c call) (any, error) {
	values, err := parameters(c.Request, "after", "limit")
	if err != nil {
		return nil, err
	}
	after, limit, err := page(values)
	if err != nil {
		return nil, err
	}
	return s.audit.Server(c.caller).History(after, limit)
}
