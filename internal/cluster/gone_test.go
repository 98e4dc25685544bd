package cluster

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
)

// Every node that was removed has the authority's key, and can make certificates. Only the key of a member says who is one, and to
// a follower that of a voter.
func TestOnlyMembersSayThatANodeWasRemoved(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 2)
	far := c.follow("far", "n1")
	leaf := c.follow("leaf", "far")
	c.add(leaf, 0)
	c.level(2, 0, 1, far, leaf)
	asked := new(atomic.Int32)
	says := func(i int, id *Identity) (end func()) {
		t.Helper()
		l, err := tls.Listen("tcp", c.address[i], &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{id.certificate.Raw, id.authority.Raw}, PrivateKey: id.key}}, NextProtos: []string{protocolHTTP}})
		c.must(err)
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/member" { // others ask for the log
				asked.Add(1)
			}
			json.NewEncoder(w).Encode(memberAnswer{1 << 60, false})
		})}
		go server.Serve(l)
		return func() { server.Close() }
	}
	voter, err := ReadIdentity(c.dirs[1])
	c.must(err)
	parent, err := ReadIdentity(c.dirs[far])
	c.must(err)
	c.stop(far)
	defer says(far, parent)()
	c.stop(1)
	end := says(1, another(t, voter, "n1"))
	for _, i := range []int{0, leaf} {
		if c.nodes[i].gone() || asked.Load() > 0 {
			t.Errorf("n%d believes one that is no voter, and has asked %d times", i, asked.Load())
		}
	}
	end()
	defer says(1, voter)()
	if !c.nodes[0].gone() || asked.Load() == 0 {
		t.Error("a member is not believed")
	}
}
