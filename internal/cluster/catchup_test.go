package cluster

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/store"
)

// storeNode is a node with a real data folder.
type storeNode struct {
	*Node
	store *store.Store
}

// startStore starts a node of a test cluster on a real data folder.
func (c *testCluster) startStore(b *testing.B, i int) storeNode {
	b.Helper()
	n, err := Open(Config{Dir: c.dirs[i], Address: c.address[i], Version: "test", Format: store.MessageFormat, MaxStaleness: 15 * time.Second, MaxClockDifference: time.Second,
		Keep: raftlog.Keep{For: time.Hour, Bytes: 1 << 34}, Now: time.Now, Warn: func(text string) { b.Logf("n%d: %s", i, text) }})
	if err != nil {
		b.Fatal(err)
	}
	s, err := store.Open(filepath.Join(c.dirs[i], "data"), store.Options{Log: n, Cluster: n.ClusterID(), Node: n.Name()})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", c.address[i])
	if err == nil {
		err = n.Start(Folder{s}, l)
	}
	if err != nil {
		b.Fatal(err)
	}
	return storeNode{n, s}
}

func (s storeNode) stop(b *testing.B) {
	b.Helper()
	if err := s.Node.Close(); err != nil {
		b.Error(err)
	}
	if err := s.store.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkCatchUp starts a node that was away while the others took envelopes of a hundred objects of a kilobyte, with real files and
// connections. All nodes are in this process.
func BenchmarkCatchUp(b *testing.B) {
	const objects, each = 40_000, 100
	c := newTestCluster(b, 3)
	nodes := []storeNode{c.startStore(b, 0), c.startStore(b, 1), c.startStore(b, 2)}
	ready := func(n storeNode) {
		for n.Writable() != nil {
			time.Sleep(time.Millisecond)
		}
	}
	ready(nodes[0])
	a := &agreement.Agreement{Name: "feed", Title: "Feed", APIRoot: "x", Collection: agreement.Collection{ID: uuid.New()}, Accept: agreement.Accept{DefaultTLP: stix.Clear},
		Parties: []agreement.Membership{{Party: "vendor", Roles: []agreement.Role{agreement.Producer, agreement.Consumer}}}}
	err := nodes[0].store.Change(b.Context(), store.Actor{}, []store.RegistryChange{{Root: &store.Root{Name: "x", Title: "X", MaxContentLength: 1 << 20}}, {Party: &agreement.Party{Name: "vendor", Title: "V"}}})
	if err != nil {
		b.Fatal(err)
	}
	col, err := nodes[0].store.CreateAgreement(b.Context(), store.Actor{}, a.Canonical())
	if err != nil {
		b.Fatal(err)
	}
	number := 0
	for b.Loop() {
		b.StopTimer()
		ready(nodes[2])
		nodes[2].stop(b)
		ready(nodes[0])
		for range objects / each {
			var batch store.Batch
			batch.Actor = store.Actor{Account: "push", Party: "vendor"}
			for range each {
				number++
				tree := new(ijson.Tree)
				err := tree.Parse(fmt.Appendf(nil, `{"type":"malware","spec_version":"2.1","id":"malware--%08x-5b1c-4a7e-9d20-%012x","created":"2025-03-01T08:00:00.000Z","modified":"2025-03-01T08:00:00.000Z","name":"Thing %d","is_family":false,"description":"%s"}`,
					uint32(number)*0x9e3779b1, number, number, strings.Repeat("What was seen there is told. ", 25)), ijson.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				batch.Changes = append(batch.Changes, store.Change{Add: &store.Addition{Object: stix.FromTree(tree)}})
			}
			if _, err := col.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		place := nodes[0].Applied()
		b.StartTimer()
		nodes[2] = c.startStore(b, 2)
		if err := nodes[2].WaitApplied(context.Background(), place); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(objects*b.N)/b.Elapsed().Seconds(), "objects/s")
	for _, n := range nodes {
		n.stop(b)
	}
}
