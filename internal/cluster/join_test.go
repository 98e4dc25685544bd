package cluster

import (
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accord-taxii/accord/store"
)

// Admission compares a token with the time after the copy: as long as the copy is sent, the token does not end.
func TestACopyMayTakeLongerThanATokenIsGood(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	c.stop(0)
	c.config = func(config *Config) { config.inviteAgain = 5 * time.Millisecond }
	c.sends = func() {
		for range 3 {
			c.ahead.Add(int64(50 * time.Minute))
			eventually(t, "the token is good for longer", func() bool {
				return c.nodes[0].members.Load().Invites[0].Until.Sub(c.now()) > 50*time.Minute
			})
		}
	}
	c.start(0)
	for _, invite := range []func() (string, error){
		func() (string, error) { return c.nodes[0].InviteFollower(t.Context(), "f0", "n0") },
		func() (string, error) { return c.nodes[0].Invite(t.Context(), "n1", true) },
	} {
		c.writable(0)
		token, err := invite()
		c.must(err)
		c.place("joining")
		_, err = Join(t.Context(), Joining{Dir: c.dirs[len(c.dirs)-1], Token: token, Version: "test", Format: 1, Now: c.now})
		c.must(err)
		if left := c.nodes[0].members.Load().Invites; len(left) > 0 {
			t.Errorf("the token is good for another node: %+v", left)
		}
	}
}

// A node that was removed has the authority's key, and may answer at the address of a member: it does not get the token's secret.
func TestATokenIsShownToTheNodesThatItNames(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	text, err := c.nodes[0].Invite(t.Context(), "n1", true)
	c.must(err)
	former := another(t, c.nodes[0].identity, "former")
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*newCredentials(former, nil).own.Load()}, NextProtos: []string{protocolHTTP}})
	c.must(err)
	var asked atomic.Int32
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "thank you for the token", http.StatusConflict)
	})}
	go s.Serve(l)
	defer s.Close()
	named, err := parseToken(text)
	c.must(err)
	named.Addresses, named.Keys = append([]string{l.Addr().String()}, named.Addresses...), append(named.Keys, named.Keys...)
	old := *named
	old.Keys = nil
	c.place("n1")
	join := func(text string) error {
		_, err := Join(c.t.Context(), Joining{Dir: c.dirs[1], Token: text, Version: "test", Format: 1, Now: time.Now})
		return err
	}
	if err := join(old.String()); err == nil || asked.Load() != 1 {
		t.Errorf("a token without keys, as older programs make them, was not shown to a node of the authority: %v", err)
	}
	c.must(join(named.String()))
	if asked.Load() > 1 {
		t.Error("a node that is no member was asked")
	}
}

// join is killed at any moment, and run again with the same token: into a folder that was not there, and into an empty one.
func TestAJoinThatWasKilledIsRunAgain(t *testing.T) {
	t.Parallel()
	c := newFolders(t, 1)
	c.add(0, 0)
	text, err := c.nodes[0].Invite(t.Context(), "n1", true)
	c.must(err)
	token, err := parseToken(text)
	c.must(err)
	killed := filepath.Join(t.TempDir(), "killed") // when the identity was written
	first := &Joining{Dir: killed, Token: text, Version: "test", Format: 1, Now: time.Now}
	id, err := first.fetch(t.Context(), token)
	c.must(err)
	at := func(parts ...string) string {
		return filepath.Join(append([]string{c.dirs[len(c.dirs)-1]}, parts...)...)
	}
	copied := func(parts ...string) string { return at(append([]string{folderName, copyFolder}, parts...)...) }
	now := func() *Joining {
		return &Joining{Dir: at(), Token: text, Version: "test", Format: 1, Now: time.Now}
	}
	for _, row := range []struct {
		name  string
		leave func() error // what the kill has left
	}{
		{"when it is complete but for the members", func() error { return now().useCopy(id) }},
		{"when the log has begun", func() error {
			document, err := os.ReadFile(at(folderName, copyDocument))
			return errors.Join(err, now().useCopy(id), writeFile(at(folderName, copyDocument), document))
		}},
		{"when some files are in their place", func() error { return os.Rename(copied("accord.db"), at("accord.db")) }},
		{"when the identity was written", func() error { return nil }},
		{"before the identity was written", func() error { return os.Remove(at(folderName, identityName)) }}, // it takes the token again
	} {
		c.place("n1")
		c.must(os.CopyFS(at(), os.DirFS(killed)))
		c.must(row.leave())
		_, err := Open(Config{Dir: at(), Now: time.Now})
		if err == nil {
			t.Errorf("killed %s: the node starts", row.name)
		}
		if row.name[:6] == "before" {
			text, err = c.nodes[0].Invite(t.Context(), "n2", true)
			c.must(err)
		}
		if _, err := Join(t.Context(), *now()); err != nil {
			t.Errorf("killed %s: %v", row.name, err)
			continue
		}
		s, err := store.Open(at(), store.Options{ReadOnly: true})
		c.must(err)
		col, ok := s.CollectionOf(c.about)
		if !ok {
			t.Errorf("killed %s: the agreement is missing", row.name)
		} else if entries, _, err := col.Head(); err != nil || entries != 2 {
			t.Errorf("killed %s: the journal has %d entries, want 2 (%v)", row.name, entries, err)
		}
		c.must(s.Close())
		for _, name := range []string{copyFolder, copyDocument} {
			if _, err := os.Lstat(at(folderName, name)); err == nil {
				t.Errorf("killed %s: %s is left", row.name, name)
			}
		}
	}
	c.start(len(c.dirs) - 1)
	c.writable(len(c.dirs) - 1)
}
