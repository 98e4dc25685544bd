package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/internal/peer"
	"github.com/accord-taxii/accord/store"
)

// federationRoutes are what servers ask each other beyond TAXII, and what auditors ask about other servers.
var federationRoutes = []route{
	{
		method: http.MethodPost, path: "agreements/{name}/positions/", reach: accounts, do: (*Service).servePositions, memory: searchAnswer, asks: true, long: true,
		summary: "Say where the journal has versions", note: "For mirrors of the collection, whose entries name these positions. For callers that may read it.",
		body: audit.PositionsAsked{}, answer: audit.Positions{},
	},
	{
		method: http.MethodPost, path: "agreements/{name}/heads/", reach: accounts, do: (*Service).takeHead,
		summary: "Give the head of another journal", note: "From the server of a mirror of the collection: the signed head of the journal that the mirror " +
			"writes, with the proof that it continues the one that is kept here. If it is not taken, size says what the proof has to begin with. For callers that may read the collection.",
		body: audit.HeadGiven{}, answer: audit.HeadTaken{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/peers/", reach: accounts, do: (*Service).servePeers, memory: largeAnswer,
		summary: "Get what other servers signed", note: "Of the collection that a mirror follows, and of journals whose mirrors gave their heads: signed heads " +
			"with proofs of consistency, and contradictions. With now, the server that the mirror follows is asked for its head. For auditors and operators.",
		query: []string{"now"}, answer: audit.PeerList{},
	},
	{
		method: http.MethodPost, path: "mirrors/{name}/trust/", reach: operators, do: (*Service).trustPeer,
		summary: "Accept the history of a mirror's server", note: "After it contradicted what it had signed, such as by restoring a backup: its history begins anew with what it showed then. What was kept before stays.",
		answer: MirrorState{},
	},
	{
		method: http.MethodGet, path: "agreements/{name}/trace/", reach: accounts, do: (*Service).serveTrace, memory: largeAnswer,
		summary: "Trace an object to its origin", note: "For each version, the entry here and those that it was taken from, by releases here and mirrors of other servers, each with the proof " +
			"that it is in a signed journal. An agreement shows where its objects came from if its terms say origins: visible. hops is how many servers are asked at most.",
		query: []string{"object", "hops"}, answer: audit.Trace{},
	},
}

func (s *Service) servePositions(c call) (any, error) {
	v, _, err := s.view(c)
	if err != nil {
		return nil, err
	}
	var body audit.PositionsAsked
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	return v.Positions(body.Objects)
}

// takeHead keeps the head of the journal of a mirror elsewhere.
func (s *Service) takeHead(c call) (any, error) {
	v, _, err := s.view(c)
	if err != nil {
		return nil, err
	}
	col, err := v.Reads()
	if err != nil {
		return nil, err
	}
	var body audit.HeadGiven
	if err := readJSON(c.Request, &body); err != nil {
		return nil, err
	}
	if agreement.CheckName(string(body.Agreement)) != nil {
		return nil, badQuery("the head names no agreement")
	}
	shown, err := audit.OpenShown(body.Agreement, nil, body.Keys, []byte(body.Signed))
	if err != nil {
		return nil, &badRequest{err}
	}
	account := string(c.caller.Account)
	id := peer.Given(account, shown.Head.Origin)
	known, _, err := peer.Get(col, id)
	if err != nil {
		return nil, err
	}
	if known.Size > 0 && known.Size < shown.Head.Size && body.Proof.From != known.Size {
		return audit.HeadTaken{Size: known.Size}, nil
	}
	size, err := peer.Observe(c.Context(), col, id, peer.Sight{Agreement: body.Agreement, Account: account, Party: string(c.caller.Party), Keys: body.Keys, Signed: []byte(body.Signed),
		Prove: func(from, _ uint64) (audit.Proof, error) {
			if from != body.Proof.From {
				return audit.Proof{}, errOtherProof
			}
			return body.Proof, nil
		}}, s.now())
	var contradiction *audit.HistoryError
	if errors.As(err, &contradiction) || errors.Is(err, peer.ErrTooMany) || errors.Is(err, errOtherProof) {
		return nil, &badRequest{err}
	}
	return audit.HeadTaken{Taken: true, Size: size}, err
}

// errOtherProof says that a proof begins with another head than the one that is kept.
var errOtherProof = errors.New("the proof does not begin with the head that is kept here")

func (s *Service) servePeers(c call) (any, error) {
	v, values, err := s.view(c, "now")
	if err != nil {
		return nil, err
	}
	col, err := v.Peers()
	if err != nil {
		return nil, err
	}
	list, err := peer.List(col, true)
	if err != nil {
		return nil, err
	}
	terms := col.Agreement().Mirror
	for i := range list {
		p := &list[i]
		if ask, _ := strconv.ParseBool(values.Get("now")); !ask || p.URL == "" {
			continue
		}
		switch {
		case terms == nil || terms.URL != p.URL:
			p.Now = &audit.PeerNow{Error: "the mirror follows another collection now"}
		case s.mirrors == nil:
			p.Now = &audit.PeerNow{Error: "no server is running that could ask it"}
		default:
			now := s.mirrors.Shown(c.Context(), col, p.Size)
			p.Now = &now
		}
	}
	if list == nil {
		list = []audit.Peer{}
	}
	return audit.PeerList{Peers: list}, nil
}

func (s *Service) trustPeer(c call) (any, error) {
	col, err := s.mirrored(c)
	if err != nil {
		return nil, err
	}
	_, err = peer.Accept(c.Context(), col, peer.Followed(mirror.Source(col.Agreement().Mirror.URL)), string(c.caller.Account), s.now())
	if errors.Is(err, peer.ErrNoBreak) {
		return nil, refuse("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return s.mirrorView(col)
}

func (s *Service) serveTrace(c call) (any, error) {
	v, values, err := s.view(c, "object", "hops")
	if err != nil {
		return nil, err
	}
	hops, err := number(values, "hops", audit.HopsDefault)
	if err != nil {
		return nil, err
	}
	return v.Trace(c.Context(), values.Get("object"), int(min(hops, audit.HopsMost)))
}

// upstream asks the server that a mirror follows; nil if no server is running.
func upstream(m *mirror.Manager) audit.Upstream {
	if m == nil {
		return nil
	}
	return func(ctx context.Context, col *store.Collection, source [16]byte, object string, hops int) (audit.Trace, string, error) {
		return m.Trace(ctx, col, source, object, hops)
	}
}

// TrustMirror accepts the history of a mirror's server.
func (c *Client) TrustMirror(ctx context.Context, name agreement.Name) (m MirrorState, err error) {
	return m, c.do(ctx, http.MethodPost, "mirrors/"+url.PathEscape(string(name))+"/trust/", nil, &m)
}
