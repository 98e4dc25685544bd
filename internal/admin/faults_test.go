package admin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/applyfile"
)

// faulty has faults of every kind: in the text, in what is outside the file, and in how things fit.
const faulty = `server: {titel: x}
api_roots:
  - {name: taxii2, title: R}
  - {name: nicp, title: R}
parties:
  - {name: p, title: P}
  - {name: q, identity: tool--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b9d03}
  - vendor
  - {name: p}
accounts:
  - {name: desk, party: p, password_env: NOT_SET}
  - {name: siem, party: nobody, password_file: nowhere.pw}
  - {name: cert, operator: true, certificates: [CN=x]}
  - {name: other, operator: true, certificates: [CN=x]}
agreements:
  - name: one
    api_root: elsewhere
    parties:
      - {party: p, roles: [owner]}
      - {party: missing, roles: [consumer]}
    term: {from: 2027-01-01, until: 2026-01-01}
    accept:
      types: [[], campain]
      max_tlp: pink
    release:
      - {to: one}
      - {to: nowhere}
  - name: two
    api_root: nicp
    title: Same
    collection: {alias: same}
    release: [{to: three}]
  - name: three
    title: Same
    api_root: nicp
    collection:
      alias: same
      id: 12
    release: [{to: two}]
    retention: {max_age: 3w}
  - {title: No name, api_root: nicp, parties: [{party: ghost, roles: [consumer]}]}
`

// wantFaults are the faults of faulty, in order: where, and a part of what is said.
var wantFaults = []string{
	`1: unknown key "titel" in server, known are title`,
	`3: no API root can be named taxii2`,
	`7: "tool--4d6a0c1e-7b52-4f0e-9a37-5c1f0e2b9d03" is not the id of a STIX identity, want identity-- and a UUID`,
	`8: a party is "vendor" here, want a mapping`,
	`9: the party p appears twice, first on line 6`,
	`11: account desk: the environment variable NOT_SET is not set`,
	`12: account siem: password_file: open `,
	`12: the account siem belongs to the party "nobody", which is unknown; known are p, q`,
	`14: the certificate CN=x of the account other is the account cert's`,
	`17: the agreement one is in the API root "elsewhere", which is unknown; known are nicp, taxii2`,
	`19: the agreement one: parties[0].roles[0]: "owner" is no role, want some of producer, consumer, auditor`,
	`20: the agreement one names the party "missing", which is unknown; known are p, q`,
	`21: the agreement one: term.until: the term ends on 2026-01-01, before it begins on 2027-01-01; want a later end`,
	`23: an item of accept.types is a list here, want text`,
	`23: the agreement one: accept.types[0]: "campain" is no object type of STIX 2.1`,
	`24: accept.max_tlp is "pink" here, want one of clear (white), green, amber, amber+strict, red`,
	`26: the agreement one: release[0].to: the agreement one releases to itself, want another agreement`,
	`27: the agreement one releases to "nowhere", which is unknown; known are three, two`,
	`30: the title "Same" of the agreement two is taken in the API root nicp, by the agreement three; want another`,
	`31: the alias "same" of the agreement two is taken in the API root nicp, by the agreement three; want another`,
	`32: releases go round in a loop: two -> three -> two`,
	`34: the title "Same" of the agreement three is taken in the API root nicp, by the agreement two; want another`,
	`37: the alias "same" of the agreement three is taken`,
	`38: collection.id is "12" here, want a UUIDv4`,
	`40: max_age is "3w" here, want a number of days such as 30d`,
	`41: an agreement has no name`,
	`41: an agreement without a name names the party "ghost", which is unknown`,
}

// TestEveryFaultIsReportedInOneRun applies a file with faults of every kind to a folder that does not exist, to one that
// does, and through a server: each time all of them are listed, by line, and nothing is applied.
func TestEveryFaultIsReportedInOneRun(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "exchange.yaml")
	writeFile(t, file, faulty)
	getenv := func(string) string { return "" }
	check := func(t *testing.T, dir string) {
		t.Helper()
		out, err := ApplyFileTo(ctx, dir, file, getenv, Asks{Consent: applyfile.Consent{Yes: true}})
		var fault *applyfile.Error
		if !errors.As(err, &fault) || out.Lines != nil || out.Applied {
			t.Fatalf("got %v, %v, want an applyfile.Error alone", out, err)
		}
		got := strings.Split(err.Error(), "\n")
		for i, line := range got {
			if i >= len(wantFaults) || !strings.HasPrefix(line, file+":"+wantFaults[i]) {
				t.Fatalf("fault %d: got %s\nwant %s\nof all:\n%v", i+1, line, append(wantFaults, "no more")[i], err)
			}
		}
		if len(got) != len(wantFaults) {
			t.Errorf("got %d faults, want %d: %v", len(got), len(wantFaults), err)
		}
	}
	t.Run("a folder that does not exist, and still does not afterwards", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		check(t, dir)
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder: got %v, want that it does not exist", err)
		}
	})
	t.Run("a folder that exists", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		before := state(t, s)
		s.store.Close()
		check(t, dir)
		if after := state(t, open(t, dir)); after != before {
			t.Errorf("got %s, want %s: something was applied", after, before)
		}
	})
	t.Run("a server", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, dir)
		before := state(t, s)
		check(t, dir)
		if after := state(t, s); after != before {
			t.Errorf("got %s, want %s: something was applied", after, before)
		}
	})
}
