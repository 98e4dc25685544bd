package admin

import (
	"net/http"

	"github.com/accord-taxii/accord/internal/live"
)

// liveRoutes are the paths of what happens under an agreement, as it happens.
var liveRoutes = []route{
	{
		method: http.MethodGet, path: "agreements/{name}/events/", reach: accounts, stream: (*Service).streamEvents,
		summary: "Follow an agreement",
		note: "Server-sent events, for callers that may read the collection: added, deleted, withdrawn, terms, heartbeat and end. An event's id is " +
			"a position in the journal, where Last-Event-ID or after goes on; without either the stream begins now. The data are JSON: of an object " +
			"its id as object, its version, and where it is there its type, date_added, tlp and, if asked for, content. The stream ends within a second of the right to read.",
		query: live.Parameters, answer: plain{mediaType: "text/event-stream"},
	},
}

func (s *Service) streamEvents(c call, w http.ResponseWriter) error {
	if s.live == nil {
		return live.ErrBusy
	}
	col, ok := s.store.Collection(c.agreement())
	if !ok {
		return notFound("there is no agreement %s", c.name())
	}
	reader := live.Reader{Caller: c.caller, Collection: col}
	if remote, ok := c.Context().Value(streamKey{}).(remoteStream); ok {
		reader.Again, reader.Began, reader.Noted = remote.again, remote.began, true
	}
	return s.live.Serve(w, c.Request, reader)
}
