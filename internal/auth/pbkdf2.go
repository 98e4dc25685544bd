package auth

import (
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Where FIPS 140-3 is required, argon2id may not be used: passwords are hashed by PBKDF2 with HMAC-SHA-256 (NIST SP 800-132), and hashes
// by argon2id count for nothing. Elsewhere both count, so a folder can move either way with new passwords in one direction only.
const (
	pbkdf2Prefix = "$pbkdf2-sha256$"
	pbkdf2Rounds = 600_000 // of new hashes: OWASP's advice

	minRounds, maxRounds = 100_000, 5_000_000
)

// HashCounts reports whether a password is verified against a hash in this process: in FIPS mode, those by argon2id are not.
func HashCounts(phc string) bool { return !fips140.Enabled() || strings.HasPrefix(phc, pbkdf2Prefix) }

func (h passwordHash) derivePBKDF2(password string, n int) []byte {
	key, err := pbkdf2.Key(sha256.New, password, h.salt, h.rounds, n)
	if err != nil { // in FIPS mode, of a salt or a key that is too short: parsePBKDF2 and newHash make none
		return make([]byte, n+1) // of another length than any key
	}
	return key
}

// parsePBKDF2 reads $pbkdf2-sha256$i=…$salt$key.
func parsePBKDF2(phc string) (passwordHash, error) {
	parts := strings.Split(strings.TrimPrefix(phc, pbkdf2Prefix), "$")
	if len(parts) != 3 {
		return passwordHash{}, errors.New("not a PHC string: want $pbkdf2-sha256$i=…$salt$hash")
	}
	text, ok := strings.CutPrefix(parts[0], "i=")
	rounds, err := strconv.Atoi(text)
	if !ok || err != nil || rounds < minRounds || rounds > maxRounds {
		return passwordHash{}, fmt.Errorf("the hash's parameter is not i= and a number from %d to %d", minRounds, maxRounds)
	}
	return passwordHash{rounds: rounds}.finish(parts[1], parts[2], phc)
}
