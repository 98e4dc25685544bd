package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The collections: everything in source is released to target; alone has neither releases nor retention.
const (
	source = "/x/collections/11111111-1111-4111-8111-111111111111/"
	target = "/x/collections/22222222-2222-4222-8222-222222222222/"
	alone  = "/x/collections/33333333-3333-4333-8333-333333333333/"
)

// password is the password of every account.
const password = "torture password"

const applied = `
api_roots: [{name: x, title: Torture}]
parties: [{name: p, title: P}, {name: rival, title: Rival}, {name: q1, title: Q}, {name: q2, title: Q}, {name: q3, title: Q}, {name: q4, title: Q}]
accounts: [{name: tool, party: p, password_env: PW}, {name: slow, party: p, password_env: PW},
  {name: honest1, party: q1, password_env: PW}, {name: honest2, party: q2, password_env: PW},
  {name: rival1, party: rival, password_env: PW}, {name: rival2, party: rival, password_env: PW},
  {name: rival3, party: rival, password_env: PW}, {name: rival4, party: rival, password_env: PW},
  {name: honest3, party: q3, password_env: PW}, {name: honest4, party: q4, password_env: PW}]
agreements:
  - name: source
    title: Source
    api_root: x
    collection: {id: 11111111-1111-4111-8111-111111111111}
    parties: [{party: p, roles: [producer, consumer, auditor]}]
    release: [{to: target}]
    retention: {versions: 4}
  - name: target
    title: Target
    api_root: x
    collection: {id: 22222222-2222-4222-8222-222222222222}
    parties: [{party: p, roles: [producer, consumer, auditor]}]
  - name: alone
    title: Alone
    api_root: x
    collection: {id: 33333333-3333-4333-8333-333333333333}
    parties: [{party: p, roles: [producer, consumer, auditor]}, {party: rival, roles: [producer, consumer, auditor]},
      {party: q1, roles: [consumer]}, {party: q2, roles: [consumer]}, {party: q3, roles: [consumer]}, {party: q4, roles: [consumer]}]
`

// version is one version of an object in a collection.
type version struct{ collection, id, version string }

// world is a data folder and what is known about it from outside.
type world struct {
	t           *torture
	data, apply string

	mu           sync.Mutex
	acknowledged map[version]bool // guarded by mu: answered with success
	deleted      map[version]bool // guarded by mu: deletion of the whole object was requested, whatever the answer
	objects      []string         // guarded by mu: ids that exist, for new versions and deletions
	next         int              // guarded by mu
	pollers      []*poller
}

func newWorld(t *torture, data string) (*world, error) {
	w := &world{t: t, data: data, apply: filepath.Join(filepath.Dir(data), "apply.yaml"), acknowledged: map[version]bool{}, deleted: map[version]bool{}}
	for _, c := range []string{source, target, alone, alone} {
		w.pollers = append(w.pollers, &poller{collection: c, seen: map[version]string{}})
	}
	return w, os.WriteFile(w.apply, []byte(applied), 0o600)
}

// object returns the n-th object in a version. Only its name and id distinguish it.
func object(n int, modified time.Time) (id, at string, text string) {
	id = fmt.Sprintf("indicator--7d3f9c2a-51b4-4e08-9a6d-%012x", n)
	at = modified.UTC().Format("2006-01-02T15:04:05.000Z")
	return id, at, fmt.Sprintf(`{"type":"indicator","spec_version":"2.1","id":%q,"created":"2020-03-01T12:00:00.000Z","modified":%q,`+
		`"name":"Beacon %d","indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'c%d.example']","pattern_type":"stix",`+
		`"valid_from":"2024-03-01T12:00:00Z"}`, id, at, n, n)
}
