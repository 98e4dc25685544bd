package cluster

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// A node that was removed cannot hear of it: no node accepts its certificate any more. Without contact it asks, as one that has no
// certificate, whether it is a member. The answer says nothing else.

type memberAnswer struct {
	Place  uint64 `json:"place"` // of the members that the answer is by
	Member bool   `json:"member"`
}

// serveMember says whether a node is a member.
func (n *Node) serveMember(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.FormValue("node"), 16, 64)
	if err != nil {
		http.Error(w, "the parameter node is no id of a node", http.StatusBadRequest)
		return
	}
	m := n.members.Load()
	_, is := m.Node(id)
	json.NewEncoder(w).Encode(memberAnswer{m.Place, is})
}

// gone reports whether this node was removed, as another one says that has heard of later members than this one.
func (n *Node) gone() bool {
	ctx, cancel := context.WithTimeout(context.Background(), linkTimeout)
	defer cancel()
	own := n.members.Load()
	for _, m := range n.others() {
		a, err := n.askMember(ctx, m.Address)
		if err == nil && a.Place > own.Place {
			return !a.Member
		}
	}
	return false
}

func (n *Node) askMember(ctx context.Context, address string) (a memberAnswer, err error) {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: linkTimeout}, Config: joinerTLS(n.identity.authorityDigest())}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }}}
	u := url.URL{Scheme: "https", Host: address, Path: "/member", RawQuery: fmt.Sprintf("node=%016x", n.identity.Node)}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return a, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	return a, json.NewDecoder(io.LimitReader(answer.Body, 4<<10)).Decode(&a)
}
