package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/taxii"
)

// clusterNode is a node of a cluster that runs as a process of its own.
type clusterNode struct {
	*child
	data, address string
	listen        string // for clients; "": any port
	flags         []string
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(10_000)) // below those that the system gives to connections
		if _, given := addresses.LoadOrStore(address, true); given {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no address is free")
	return ""
}

// addresses are those that freeAddress has given.
var addresses sync.Map

func (n *clusterNode) start(t *testing.T) *clusterNode {
	t.Helper()
	n.child = start(t, exchangeVars, append(serveArgs(n.data, "--plain-http", "--no-index", "--cluster-listen", n.address), n.flags...)...).serving()
	return n
}

// eventually asks again until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(accordtest.Patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("never: %s", what)
		}
	}
}

// status returns how the cluster is, as a node says.
func (n *clusterNode) status(t *testing.T) (s cluster.Status, code int) {
	t.Helper()
	out := once(t, nil, "cluster", "list", "--format", "json", "--data", n.data)
	if err := json.Unmarshal([]byte(out.stdout), &s); err != nil {
		t.Fatalf("%v in %s %s", err, out.stdout, out.stderr)
	}
	return s, out.code
}

func did(t *testing.T, args ...string) string {
	t.Helper()
	out := once(t, exchangeVars, args...)
	if out.code != 0 {
		t.Fatalf("%v: exit code %d: %s", args, out.code, out.stderr)
	}
	return strings.TrimSpace(out.stdout)
}

// add adds an object at a node. It is sent again while the cluster takes nothing there.
func (n *clusterNode) add(t *testing.T, i int) (place string) {
	t.Helper()
	object := fmt.Appendf(nil, `{"type":"campaign","spec_version":"2.1","id":"campaign--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b%04d","created":"2026-02-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":"one"}`, i)
	eventually(t, fmt.Sprintf("object %d is accepted", i), func() bool {
		a, err := n.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(envelope(object)))
		if err == nil && a.status != http.StatusAccepted && a.status != http.StatusServiceUnavailable {
			t.Fatalf("got %d %s", a.status, a.body)
		}
		if err == nil && a.status == http.StatusServiceUnavailable {
			var e taxii.Error
			if json.Unmarshal(a.body, &e) != nil || e.ErrorCode != "cluster" || a.header.Get("Retry-After") == "" {
				t.Fatalf("got 503 %s, want the code cluster", a.body)
			}
		}
		place = a.header.Get(taxii.HeaderPlace)
		return err == nil && a.status == http.StatusAccepted
	})
	return place
}

func TestThreeServersCarryOneAgreement(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes, and an election")
	}
	t.Parallel()
	file, data := exchange(t)
	a := &clusterNode{data: data, address: freeAddress(t)}
	b := &clusterNode{data: filepath.Join(t.TempDir(), "b"), address: freeAddress(t)}
	c := &clusterNode{data: filepath.Join(t.TempDir(), "c"), address: freeAddress(t)}
	did(t, "apply", "-f", file, "--data", a.data)
	did(t, "cluster", "init", "--node", "a", "--data", a.data)
	if out := once(t, nil, serveArgs(a.data, "--plain-http")...); out.code == 0 || !strings.Contains(out.stderr, "--cluster-listen") {
		t.Errorf("a folder of a cluster was served without it: %s", out.stderr)
	}
	a.start(t)
	token := did(t, "cluster", "invite", "--node", "b", "--data", a.data)
	did(t, "cluster", "join", token, "--data", b.data)
	b.start(t)

	// Each of these is refused with a sentence, and changes nothing.
	other := filepath.Join(t.TempDir(), "other")
	for _, wrong := range []struct {
		args []string
		says string
	}{
		{[]string{"cluster", "join", token, "--data", other}, "used already"},
		{[]string{"cluster", "join", token, "--data", b.data}, "belongs to the node b"},
		{[]string{"cluster", "join", token[:len(token)-3], "--data", other}, "no token"},
		{[]string{"cluster", "init", "--node", "z", "--data", b.data}, "belongs to a cluster already"},
		{[]string{"cluster", "init", "--node", "z", "--data", other}, "make the first node of a cluster"},
		{[]string{"cluster", "invite", "--node", "b", "--data", a.data}, "in the cluster already"},
		{[]string{"cluster", "invite", "--node", "Two Words", "--data", a.data}, "cannot be a node's name"},
		{[]string{"cluster", "remove", "nobody", "--data", a.data}, "no node"},
		{[]string{"cluster", "restart-alone", "--yes", "--data", a.data}, "stop it first"},
	} {
		out := once(t, exchangeVars, wrong.args...)
		if out.code == 0 || !strings.Contains(out.stderr, wrong.says) {
			t.Errorf("%v: exit code %d, %q, want %q", wrong.args[:3], out.code, out.stderr, wrong.says)
		}
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a join that was refused has made a folder")
	}

	did(t, "cluster", "join", did(t, "cluster", "invite", "--node", "c", "--data", b.data), "--data", c.data)
	c.start(t)
	all := []*clusterNode{a, b, c}
	eventually(t, "three voters, and nothing is wrong", func() bool {
		s, code := c.status(t)
		return code == 0 && len(s.Members) == 3 && !slices.ContainsFunc(s.Members, func(m cluster.MemberStatus) bool { return m.Role != "voter" })
	})

	// Whichever node takes it, all have it, and a request that brings the place sees it.
	for i := range 6 {
		place := all[i%3].add(t, i)
		if place == "" {
			t.Fatal("the answer has no place")
		}
		for _, n := range all {
			if got := n.seen(t, place); got != i+1 {
				t.Fatalf("after %d objects a node has %d", i+1, got)
			}
		}
	}
	did(t, "party", "add", "later", "--title", "Later", "--data", b.data) // administration at any node

	// What each has given is one account, and one key signs at all of them.
	for _, n := range all {
		var page taxii.Envelope
		n.get("agency-siem", gsp+"objects/", &page)
	}
	deliveries := func(n *clusterNode) (list audit.ConsumerList) {
		t.Helper()
		if err := json.Unmarshal([]byte(did(t, "audit", "deliveries", "--agreement", "gsp", "--format", "json", "--data", n.data)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, n := range all {
		if list := deliveries(n); len(list.Consumers) != 1 || list.Consumers[0].Polls != 3 || list.Lost != nil {
			t.Errorf("the deliveries of all nodes are %+v", list)
		}
	}
	key := did(t, "audit", "key", "--rotate", "--data", b.data)
	for _, n := range all {
		eventually(t, "all have the new key", func() bool { return did(t, "audit", "key", "--data", n.data) == key })
	}

	// One is killed: the others go on, and it has everything when it comes back.
	s, _ := a.status(t)
	names := []string{"a", "b", "c"}
	leader := slices.Index(names, s.Leader)
	left := slices.Delete(slices.Clone(all), leader, leader+1)
	all[leader].Kill()
	left[0].add(t, 6)
	left[1].add(t, 7)
	eventually(t, "the killed node is said to be silent", func() bool {
		list := deliveries(left[0])
		return list.Lost != nil && slices.Equal(list.Lost.Silent, []string{names[leader]}) && list.Consumers[0].Polls == 2
	})
	all[leader].start(t)
	place := left[0].add(t, 8)
	eventually(t, "the killed node has everything", func() bool { return all[leader].seen(t, place) == 9 })
	if got := did(t, "party", "list", "--data", all[leader].data); !strings.Contains(got, "later") {
		t.Errorf("the killed node has the parties %s", got)
	}

	// One leaves; its name stays its own; two go on.
	did(t, "cluster", "leave", "--data", left[1].data)
	left[1].terminate()
	if out := once(t, nil, serveArgs(left[1].data, "--plain-http", "--cluster-listen", left[1].address)...); out.code == 0 || !strings.Contains(out.stderr, "has left its cluster") {
		t.Errorf("a node that has left was served: %s", out.stderr)
	}
	if out := once(t, nil, "cluster", "invite", "--node", names[slices.Index(all, left[1])], "--data", left[0].data); out.code == 0 || !strings.Contains(out.stderr, "never used again") {
		t.Errorf("a name is used again: %s", out.stderr)
	}
	left[0].add(t, 9)
	left[0].terminate()
	all[leader].terminate()
	for _, n := range []*clusterNode{left[0], all[leader]} {
		if out := once(t, nil, "check", "--data", n.data); out.code != 0 {
			t.Errorf("check: %s%s", out.stdout, out.stderr)
		}
	}

	// Of a node that is stopped everything can be read, and nothing changed.
	const object = "campaign--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b0003"
	for _, row := range []struct {
		says string // "": it is refused
		args []string
	}{
		{"gsp", []string{"agreement", "list"}}, {"gsp", []string{"agreement", "show", "gsp"}}, {"added version", []string{"history", object, "--agreement", "gsp"}},
		{object, []string{"find", object}}, {"accord", []string{"audit", "checkpoint", "--agreement", "gsp"}}, {key, []string{"audit", "key"}},
		{object, []string{"audit", "prove", object, "--agreement", "gsp"}}, {"later", []string{"party", "list"}}, {"vendor-push", []string{"account", "list"}},
		{"stopped", []string{"status"}}, {"agency-siem", []string{"audit", "deliveries", "--agreement", "gsp"}},
		{"", []string{"party", "add", "no", "--title", "No"}}, {"", []string{"agreement", "suspend", "gsp", "--reason", "no"}},
		{"", []string{"audit", "key", "--rotate"}},
	} {
		out := once(t, exchangeVars, append(row.args, "--data", left[0].data)...)
		switch {
		case row.says != "" && !strings.Contains(out.stdout, row.says):
			t.Errorf("%v of a stopped node: exit code %d, %s%s", row.args, out.code, out.stdout, out.stderr)
		case row.says == "" && (out.code == 0 || !strings.Contains(out.stderr, "work at a node that runs")):
			t.Errorf("%v of a stopped node: exit code %d, %s%s", row.args, out.code, out.stdout, out.stderr)
		}
	}

	// The majority is lost for good: one begins alone, and then leaves what it alone was.
	alone := all[leader]
	did(t, "cluster", "restart-alone", "--yes", "--data", alone.data)
	alone.start(t)
	alone.add(t, 10)
	if got := alone.seen(t, ""); got != 11 {
		t.Errorf("alone it has %d objects, want 11", got)
	}
	alone.terminate()
	did(t, "cluster", "leave", "--data", alone.data)
	alone.child = start(t, exchangeVars, serveArgs(alone.data, "--plain-http", "--no-index")...).serving()
	if got := alone.seen(t, ""); got != 11 {
		t.Errorf("without a cluster it has %d objects, want 11", got)
	}
	if _, err := os.Stat(filepath.Join(alone.data, "log")); err == nil {
		t.Error("a folder without a cluster has a log")
	}
	alone.terminate()
}

// C-9: a server that has lost the majority refuses writes at once and, after --max-staleness, answers nothing, says so to a balancer, and
// goes on by itself when another one is back.
func TestAServerWithoutAMajorityAnswersNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("two processes, and seconds without contact")
	}
	t.Parallel()
	file, data := exchange(t)
	ops := freeAddress(t)
	a := &clusterNode{data: data, address: freeAddress(t), flags: []string{"--max-staleness", "3s", "--ops-listen", ops}}
	b := &clusterNode{data: filepath.Join(t.TempDir(), "b"), address: freeAddress(t)}
	did(t, "apply", "-f", file, "--data", a.data)
	did(t, "cluster", "init", "--node", "a", "--data", a.data)
	a.start(t)
	did(t, "cluster", "join", did(t, "cluster", "invite", "--node", "b", "--data", a.data), "--data", b.data)
	b.start(t)
	eventually(t, "two voters", func() bool {
		s, code := a.status(t)
		return code == 0 && len(s.Members) == 2 && s.Members[1].Role == "voter"
	})
	a.add(t, 0)
	answers := func(path string) int {
		resp, err := http.Get("http://" + ops + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := answers("/readyz"); got != http.StatusOK {
		t.Errorf("/readyz with a majority: got %d", got)
	}
	refused := func(method, retry string, body []byte) bool {
		var reader io.Reader
		if body != nil {
			reader = bytes.NewReader(body)
		}
		got, err := a.ask("vendor-push", method, gsp+"objects/", reader)
		if err != nil {
			t.Fatal(err)
		}
		var e taxii.Error
		return got.status == http.StatusServiceUnavailable && json.Unmarshal(got.body, &e) == nil && e.ErrorCode == "cluster" && got.header.Get("Retry-After") == retry
	}

	b.Kill()
	eventually(t, "no write is taken", func() bool { return refused(http.MethodPost, "1", envelope()) })
	eventually(t, "nothing is answered", func() bool { return refused(http.MethodGet, "2", nil) })
	if got := answers("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a majority: got %d", got)
	}
	if got := answers("/healthz"); got != http.StatusOK {
		t.Errorf("/healthz without a majority: got %d", got)
	}
	b.start(t)
	place := a.add(t, 1)
	if got := b.seen(t, place); got != 2 {
		t.Errorf("there are %d objects, want 2", got)
	}
	eventually(t, "a balancer may send clients again", func() bool { return answers("/readyz") == http.StatusOK })
	a.terminate()
	b.terminate()
}

// A node whose disk is full takes no part until there is room, and then goes on by itself.
func TestANodeWhoseDiskIsFullGoesOnWhenThereIsRoom(t *testing.T) {
	file, _ := exchange(t)
	disk := mountSmall(t, "24m")
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &clusterNode{data: filepath.Join(disk, "a"), address: freeAddress(t)}
	did(t, "apply", "-f", file, "--data", a.data)
	did(t, "cluster", "init", "--node", "a", "--data", a.data)
	a.start(t)
	object := func(i int) []byte {
		text := ""
		for range 10_000 {
			text += fmt.Sprint(rand.Uint64(), " ")
		}
		return envelope(fmt.Appendf(nil, `{"type":"campaign","spec_version":"2.1","id":"campaign--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2c%04d","created":"2026-02-01T00:00:00.000Z","modified":"2026-02-01T00:00:00.000Z","name":"one","description":"%s"}`,
			i, text))
	}
	accepted, refused := 0, 0
	for refused < 3 {
		got, err := a.ask("vendor-push", http.MethodPost, gsp+"objects/", bytes.NewReader(object(accepted+refused)))
		switch {
		case err != nil:
			t.Fatal(err)
		case got.status == http.StatusAccepted:
			accepted++
		case got.status == http.StatusServiceUnavailable || got.status == http.StatusInsufficientStorage:
			refused++
		default:
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	a.add(t, 1)
	a.terminate()
	if out := once(t, nil, "check", "--data", a.data); out.code != 0 {
		t.Errorf("check: %s%s", out.stdout, out.stderr)
	}
	t.Logf("%d objects were accepted before the disk was full", accepted)
}

// A server that was stopped for longer than the log is kept fetches the files of another one, and begins anew with them by itself.
func TestAServerFetchesWhatTheLogNoLongerHas(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes, and a log that is dropped")
	}
	t.Parallel()
	file, data := exchange(t)
	all := []*clusterNode{{data: data}, {data: filepath.Join(t.TempDir(), "b")}, {data: filepath.Join(t.TempDir(), "c")}}
	did(t, "apply", "-f", file, "--data", data)
	did(t, "cluster", "init", "--node", "n0", "--data", data)
	began := func(n *clusterNode) {
		n.child = start(t, exchangeVars, serveArgs(n.data, "--plain-http", "--no-index", "--listen", n.listen, "--cluster-listen", n.address, "--log-keep", "1s")...).serving()
	}
	for i, n := range all {
		n.address, n.listen = freeAddress(t), freeAddress(t)
		if i > 0 {
			did(t, "cluster", "join", did(t, "cluster", "invite", "--node", fmt.Sprint("n", i), "--data", data), "--data", n.data)
		}
		began(n)
	}
	eventually(t, "three voters", func() bool {
		s, code := all[0].status(t)
		return code == 0 && !slices.ContainsFunc(s.Members, func(m cluster.MemberStatus) bool { return m.Role != "voter" })
	})
	all[0].add(t, 0)
	all[2].terminate()
	place := ""
	for i := range 8 {
		place = all[i%2].add(t, i+1)
	}
	for _, n := range all[:2] {
		before, _ := n.status(t)
		eventually(t, "the log is dropped", func() bool {
			s, _ := n.status(t)
			return s.LogBytes < before.LogBytes/2 || s.LogBytes < 1000
		})
	}
	began(all[2])
	if _, err := all[2].Said("stopping, to begin anew with the files that were fetched"); err != nil {
		t.Fatal(err)
	}
	if got := all[2].seen(t, place); got != 9 {
		t.Errorf("it has %d versions, want 9", got)
	}
	all[2].add(t, 9)
	eventually(t, "nothing is wrong", func() bool { _, code := all[2].status(t); return code == 0 })
	for _, n := range all {
		n.terminate()
		if out := once(t, nil, "check", "--data", n.data); out.code != 0 {
			t.Errorf("check: %s%s", out.stdout, out.stderr)
		}
	}
}

// seen returns how many versions a node shows, once it has a place.
func (n *clusterNode) seen(t *testing.T, place string) int {
	t.Helper()
	var got int
	eventually(t, "the node answers", func() bool {
		req, err := http.NewRequest(http.MethodGet, n.URL+gsp+"manifest/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("vendor-push", "vendor-push-password")
		req.Header.Set("Accept", taxii.MediaType)
		if place != "" {
			req.Header.Set(taxii.HeaderPlace, place)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var m taxii.Manifest
		if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&m) != nil {
			return false
		}
		got = len(m.Objects)
		return true
	})
	return got
}
