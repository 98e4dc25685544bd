package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// gone reports whether this node was removed, as another one says that has heard of later members than this one. A follower asks
// voters, and most of those that answer decide.
func (n *Node) gone() bool {
	own, voters := n.members.Load(), n.voters()
	votes := map[string]int{}
	for _, m := range n.others() {
		if n.following != nil && !m.Voter {
			continue
		}
		a, err := n.askMember(m)
		if err != nil || a.Place <= own.Place {
			continue
		}
		if n.following == nil {
			return !a.Member
		}
		votes[strconv.FormatBool(a.Member)]++
	}
	most, _ := decide(votes, len(voters))
	return most == "false"
}

// askMember asks a member whether this node is one. A certificate of the authority is not enough: every node that was removed has the
// authority's key.
func (n *Node) askMember(to Member) (a memberAnswer, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), linkTimeout)
	defer cancel()
	config := n.creds.clientOf(to)
	config.GetClientCertificate = nil // this node's own may be refused
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialTLSContext: n.dialer(to, linkTimeout, config)}}
	u := url.URL{Scheme: "https", Host: to.Address, Path: "/member", RawQuery: fmt.Sprintf("node=%016x", n.identity.Node)}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return a, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return a, answerError(answer)
	}
	return a, json.NewDecoder(io.LimitReader(answer.Body, 4<<10)).Decode(&a)
}
