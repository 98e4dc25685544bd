package console

import (
	"context"
	"net/http"
	"time"
)

// Servers are the nodes of a cluster, as this one sees them.
type Servers struct {
	Cluster, Node, Leader string
	Committed, Applied    uint64
	Writes                string // why this node takes none; "": it does
	Log                   uint64 // bytes of the log's entries
	Nodes                 []ServerNode

	Same   int          // agreements of which all nodes that answered have the same history, as far as each has come
	Heads  []ServerHead // the others
	Silent []string     // nodes that did not answer
}

// ServerNode is a node.
type ServerNode struct {
	Name, Address, Role string
	Leads               bool
	Place, Behind       uint64
	Heard               time.Time
	Clock               time.Duration // how far its clock is ahead of this one's
	Version             string
	Certificate         time.Time // when it ends
	Wrong               string    // "": nothing
}

// ServerHead is an agreement whose history is not the same on all nodes.
type ServerHead struct {
	Agreement, Collection string
	Entries               uint64
	Differs, Closed       []string // nodes
}

// serverRow is a node in the table.
type serverRow struct {
	ServerNode
	Days  int   // left of its certificate
	Clock int64 // milliseconds
}

// serversPage is what the screen shows.
type serversPage struct {
	Servers
	Rows []serverRow
}

// showServers answers: where is each node; do they have the same histories?
func showServers(p *page) error {
	if p.Servers == nil {
		return errNoPage
	}
	ctx, cancel := context.WithTimeout(p.r.Context(), 10*time.Second)
	defer cancel()
	v := serversPage{Servers: p.Servers(ctx)}
	for _, n := range v.Nodes {
		row := serverRow{ServerNode: n, Clock: n.Clock.Milliseconds()}
		if !n.Certificate.IsZero() {
			row.Days = int(n.Certificate.Sub(p.Now()).Hours() / 24)
		}
		v.Rows = append(v.Rows, row)
	}
	return p.show(http.StatusOK, "servers", "Servers", v,
		command{"The nodes, for people and for monitoring (it exits with 1 when something is wrong):", "accord cluster list --data " + p.Data})
}
