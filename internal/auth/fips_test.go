package auth

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPasswordsInFIPSMode runs itself again in FIPS mode, which a process is in from its start.
func TestPasswordsInFIPSMode(t *testing.T) {
	if !fips140.Enabled() {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestPasswordsInFIPSMode$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const password = "correct horse battery"
	hash, err := HashPassword(password)
	if err != nil || !strings.HasPrefix(hash, "$pbkdf2-sha256$i=600000$") {
		t.Fatalf("hash %s, %v", hash, err)
	}
	if err := CheckHash(hash); err != nil || !VerifyPassword(hash, password) || VerifyPassword(hash, password+"x") {
		t.Errorf("the hash does not tell the password from others: %v", err)
	}
	argon := cheapHash(password)
	if CheckHash(argon) != nil || VerifyPassword(argon, password) {
		t.Error("a hash by argon2id counts")
	}
}

func TestHashesByPBKDF2CountEverywhere(t *testing.T) {
	h := passwordHash{rounds: minRounds, salt: []byte("salty-salty-salt")}
	h.key = h.derive("correct horse battery", keyBytes)
	if !VerifyPassword(h.String(), "correct horse battery") || VerifyPassword(h.String(), "another one here") {
		t.Error("it does not tell the password from others")
	}
	for _, wrong := range []string{"$pbkdf2-sha256$i=1000$c2FsdHktc2FsdA$c2FsdHktc2FsdHktc2FsdHk", "$pbkdf2-sha256$600000$c2FsdHktc2FsdA$c2FsdHktc2FsdHktc2FsdHk",
		"$pbkdf2-sha256$i=600000$x$y", "$pbkdf2-sha256$i=600000", strings.Replace(h.String(), "i=", "i=0", 1)} {
		if CheckHash(wrong) == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}
