package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/taxii"
)

// A server follows another one, and a third follows that: what is added at any of them is at all, from the moment that its place says.
// When the one in between is killed, the last has the log from the first by itself.
func TestServersFollowOtherServers(t *testing.T) {
	if os.Getenv("ACCORD_LONG") == "" {
		t.Skip("three processes, of which one is killed: make check runs it (ACCORD_LONG=1), internal/cluster has the same in one process")
	}
	t.Parallel()
	file, data := exchange(t)
	a := &clusterNode{data: data, address: freeAddress(t)}
	far := &clusterNode{data: filepath.Join(t.TempDir(), "far"), address: freeAddress(t)}
	leaf := &clusterNode{data: filepath.Join(t.TempDir(), "leaf"), address: freeAddress(t)}
	did(t, "apply", "-f", file, "--data", a.data)
	did(t, "cluster", "init", "--node", "a", "--data", a.data)
	a.start(t)
	if out := once(t, nil, "cluster", "invite", "--node", "far", "--follow", "nobody", "--data", a.data); out.code == 0 || !strings.Contains(out.stderr, "to be followed") {
		t.Errorf("an invitation to follow no node: %s", out.stderr)
	}
	token := did(t, "cluster", "invite", "--node", "far", "--follow", "a", "--data", a.data)
	did(t, "cluster", "join", token, "--data", far.data)
	far.start(t)
	far.seen(t, "") // it answers
	did(t, "cluster", "join", did(t, "cluster", "invite", "--node", "leaf", "--follow", "far", "--data", far.data), "--data", leaf.data)
	leaf.start(t)
	all := []*clusterNode{a, far, leaf}
	for i := range 6 {
		place := all[i%3].add(t, i)
		for _, n := range all {
			if got := n.seen(t, place); got != i+1 {
				t.Fatalf("after %d objects a server has %d", i+1, got)
			}
		}
	}
	did(t, "party", "add", "later", "--title", "Later", "--data", leaf.data)
	for _, n := range all {
		eventually(t, "all are listed, and nothing is wrong", func() bool {
			s, code := n.status(t)
			return code == 0 && len(s.Members) == 3 && role(s, "far") == "follower of a" && role(s, "leaf") == "follower of far"
		})
		if out := did(t, "cluster", "list", "--data", n.data); !strings.Contains(out, "follower of far") {
			t.Errorf("the list is %s", out)
		}
		var page taxii.Envelope
		n.get("agency-siem", gsp+"objects/", &page)
	}
	for _, n := range all { // what each has given is one account
		var list audit.ConsumerList
		if err := json.Unmarshal([]byte(did(t, "audit", "deliveries", "--agreement", "gsp", "--format", "json", "--data", n.data)), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Consumers) != 1 || list.Consumers[0].Polls != 3 || list.Lost != nil {
			t.Errorf("the deliveries of all servers are %+v", list)
		}
	}

	far.Kill()
	place := leaf.add(t, 6)
	if got := a.seen(t, place); got != 7 {
		t.Errorf("it has %d versions, want 7", got)
	}
	eventually(t, "what is wrong is said", func() bool {
		s, code := a.status(t)
		return code == 1 && strings.Contains(fmt.Sprint(s.Members), "does not follow the node that it is to")
	})
	did(t, "cluster", "follow", "a", "--data", leaf.data)
	did(t, "cluster", "remove", "far", "--data", leaf.data)
	eventually(t, "nothing is wrong", func() bool {
		s, code := a.status(t)
		return code == 0 && len(s.Members) == 2 && role(s, "leaf") == "follower of a"
	})
	did(t, "cluster", "leave", "--data", leaf.data)
	leaf.terminate()
	a.terminate()
	for _, n := range all {
		if out := once(t, nil, "check", "--data", n.data); out.code != 0 {
			t.Errorf("check: %s%s", out.stdout, out.stderr)
		}
	}
}

// role is the role that a status gives a member.
func role(s cluster.Status, name string) string {
	for _, m := range s.Members {
		if m.Name == name {
			return m.RoleText()
		}
	}
	return ""
}
