package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/ingest"
)

// tryRoutes judge objects without adding them.
var tryRoutes = []route{{
	method: http.MethodPost, path: "agreements/{name}/try/", reach: accounts, asks: true, do: (*Service).serveTry, memory: 2 * largeAnswer, long: true,
	summary: "Judge objects, and add nothing", note: "As a POST of the account's party would be judged by rules and terms. text is one object, a bundle or an envelope. An operator names a party. Needs the right to add.",
	body: TryObjects{}, answer: TriedObjects{},
}}

// TryObjects are objects to judge.
type TryObjects struct {
	Text  json.RawMessage     `json:"text"`
	Party agreement.PartyName `json:"party,omitempty"` // that would send them; for operators
}

// TriedObjects are the judgements.
type TriedObjects struct {
	Objects []ingest.Trial `json:"objects"`
}

// mostTried bounds the objects that are judged at once.
const mostTried = 1000

func (s *Service) serveTry(c call) (any, error) {
	col, ok := s.store.Collection(c.agreement())
	if !ok || agreement.Permit(col.Agreement(), c.caller, agreement.See, s.now()) != nil {
		return nil, notFound("there is no agreement %s", c.name())
	}
	var body TryObjects
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	sender := c.caller
	if c.caller.Operator && body.Party != "" {
		sender = agreement.Caller{Account: c.caller.Account, Party: body.Party}
	} else if body.Party != "" && body.Party != c.caller.Party {
		return nil, errOperatorsOnly
	}
	if err := agreement.Permit(col.Agreement(), sender, agreement.Add, s.now()); err != nil {
		if errors.Is(err, agreement.ErrNoRole) {
			err = &badRequest{errors.New("that party has no part in the agreement")}
		}
		return nil, err
	}
	raws, err := objectsIn(body.Text)
	if err != nil {
		return nil, err
	}
	party, ok := s.store.Registry().Party(sender.Party)
	if !ok {
		party = agreement.Party{Name: sender.Party}
	}
	list, err := ingest.Try(c.Context(), col, party, raws, ingest.Options{Now: s.now(), Limits: s.limits})
	var notJSON *ingest.NotJSONError
	if errors.As(err, &notJSON) {
		err = &badRequest{err}
	}
	return TriedObjects{list}, err
}

// objectsIn returns the objects of a bundle or an envelope, or the one object that a text is.
func objectsIn(text json.RawMessage) ([][]byte, error) {
	var many struct {
		Objects []json.RawMessage `json:"objects"`
	}
	if err := json.Unmarshal(text, &many); err != nil {
		return nil, badQuery("the text is no JSON object: %w", err)
	}
	if len(many.Objects) > mostTried {
		return nil, badQuery("the text has %d objects, at most %d are judged at once", len(many.Objects), mostTried)
	}
	if many.Objects == nil {
		return [][]byte{text}, nil
	}
	raws := make([][]byte, len(many.Objects))
	for i, one := range many.Objects {
		raws[i] = one
	}
	return raws, nil
}
