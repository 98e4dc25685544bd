package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// A partner runs a witness, the server asks it, and an auditor demands its cosignature. A server whose data folder went back in
// time gets none.
func TestAPartnersWitnessIsDemanded(t *testing.T) {
	t.Parallel()
	file, data := exchange(t)
	dir := t.TempDir()
	server := start(t, exchangeVars, serveArgs(data, "--plain-http", "--apply", file)...).serving()
	key := once(t, nil, "audit", "key", "--data", data)
	wantOutcome(t, key, 0)
	keys := writeFile(t, dir, "server.key", key.stdout)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	w := start(t, nil, "witness", "--data", filepath.Join(dir, "witness"), "--name", "witness.partner.example", "--listen", address, "--log", keys)
	await(t, "the witness prints its key", func() bool { return strings.HasSuffix(w.printed(), "\n") })
	witnessKey := writeFile(t, dir, "witness.key", w.printed())

	verify := func(data string) outcome {
		return once(t, nil, "audit", "verify", "--agreement", "gsp", "--data", data, "--trusted-key", keys, "--witness", witnessKey, "--max-age", "1h")
	}
	wantOutcome(t, verify(data), 1, "witness.partner.example")
	wantOutcome(t, once(t, nil, "audit", "witness", "add", strings.TrimSpace(w.printed()), "http://"+address+"/", "--data", data), 0, "witness.partner.example")
	var last outcome
	await(t, "a cosigned head", func() bool { last = verify(data); return last.code == 0 })
	wantOutcome(t, last, 0, "witness.partner.example")
	wantOutcome(t, once(t, nil, "audit", "verify", "--agreement", "gsp", "--data", data, "--trusted-key", keys, "--witness", keys), 1)

	// An older copy of the folder, which lost the entry that named the witness, is another history as soon as it goes on.
	backup, old := filepath.Join(dir, "backup"), filepath.Join(dir, "old")
	wantOutcome(t, once(t, nil, "backup", "--data", data, "--to", backup), 0)
	wantOutcome(t, once(t, nil, "party", "add", "late", "--data", data), 0)
	await(t, "a cosigned head with the later entry", func() bool { return verify(data).code == 0 })
	server.terminate()
	wantOutcome(t, once(t, nil, "restore", "--from", backup, "--data", old), 0)
	forked := start(t, exchangeVars, serveArgs(old, "--plain-http")...).serving()
	forked.said("a head could not be cosigned")
	wantOutcome(t, verify(old), 1)
	w.terminate()
	if _, err := os.Stat(filepath.Join(dir, "witness")); err != nil {
		t.Error(err)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(accordtest.Patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, accordtest.Patience)
		}
	}
}
