package auth

import (
	"crypto/fips140"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a new hash: the first configuration of OWASP's password storage advice for argon2id. Of its equally
// strong settings it has a single lane and moderate memory, which suits a server that verifies as many passwords at
// once as it has processors. Verified passwords are remembered, so the cost is rare.
const (
	hashMemory = 19 * 1024 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltBytes  = 16
	keyBytes   = 32
)

// Limits for an imported hash. A weaker one does not protect; with a stronger one, a single login would be an attack on
// the server.
const (
	minMemory, maxMemory = 1024, 256 * 1024 // KiB
	maxPasses            = 16
	maxLanes             = 16
	minSalt, maxSalt     = 8, 64
	minKey, maxKey       = 16, 64
)

// The length of a password: of a new one in characters, of any in bytes.
const (
	MinPassword = 12
	MaxPassword = 1024
)

// HashPassword returns the PHC string of a new password: argon2id or, in FIPS mode, PBKDF2. It refuses
// one of fewer than MinPassword characters and one longer than MaxPassword.
// Shorter ones from earlier versions still verify.
func HashPassword(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinPassword {
		return "", fmt.Errorf("the password has %d characters, fewer than %d", n, MinPassword)
	}
	if len(password) > MaxPassword {
		return "", fmt.Errorf("the password has %d bytes, more than %d", len(password), MaxPassword)
	}
	var salt [saltBytes]byte
	rand.Read(salt[:]) // never fails: crypto/rand ends the process instead
	h := newHash(salt[:])
	h.key = h.derive(password, keyBytes)
	return h.String(), nil
}

// newHash is a hash at the cost of new ones, without its key.
func newHash(salt []byte) passwordHash {
	if fips140.Enabled() {
		return passwordHash{rounds: pbkdf2Rounds, salt: salt}
	}
	return passwordHash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: salt}
}

// CheckHash returns an error unless this package can verify the PHC string.
func CheckHash(phc string) error {
	_, err := parseHash(phc)
	return err
}

// VerifyPassword reports whether a PHC string is the hash of a password. It takes as long as the hash's parameters
// require, some tens of milliseconds.
func VerifyPassword(phc, password string) bool {
	h, err := parseHash(phc)
	return err == nil && h.verify(password)
}

// passwordHash is a parsed hash: by PBKDF2 if it has rounds, otherwise by argon2id.
type passwordHash struct {
	rounds int

	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   []byte
	key    []byte
}

func (h passwordHash) derive(password string, n int) []byte {
	if h.rounds > 0 {
		return h.derivePBKDF2(password, n)
	}
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(n))
}

func (h passwordHash) verify(password string) bool {
	if password == "" || len(password) > MaxPassword || h.rounds == 0 && fips140.Enabled() {
		return false
	}
	return subtle.ConstantTimeCompare(h.derive(password, len(h.key)), h.key) == 1
}

func (h passwordHash) String() string {
	b64 := base64.RawStdEncoding
	if h.rounds > 0 {
		return fmt.Sprintf("%si=%d$%s$%s", pbkdf2Prefix, h.rounds, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.memory, h.passes, h.lanes, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parseHash reads $argon2id$v=19$m=…,t=…,p=…$salt$key, or a hash by PBKDF2. It accepts only that spelling, so that a parsed hash is written
// as the same text. No error quotes the hash.
func parseHash(phc string) (passwordHash, error) {
	if strings.HasPrefix(phc, pbkdf2Prefix) {
		return parsePBKDF2(phc)
	}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" {
		return passwordHash{}, errors.New("not a PHC string: want $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	if parts[1] != "argon2id" {
		return passwordHash{}, errors.New("the hash is not argon2id")
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return passwordHash{}, fmt.Errorf("the hash's argon2 version is not %d (v=%d)", argon2.Version, argon2.Version)
	}
	h, err := parseCost(parts[3])
	if err != nil {
		return passwordHash{}, err
	}
	return h.finish(parts[4], parts[5], phc)
}

// finish reads salt and key, which are the same in every hash.
func (h passwordHash) finish(salt, key, phc string) (_ passwordHash, err error) {
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(salt); err != nil || len(h.salt) < minSalt || len(h.salt) > maxSalt {
		return passwordHash{}, fmt.Errorf("the hash's salt is not %d to %d bytes in base64 without padding", minSalt, maxSalt)
	}
	if h.key, err = b64.DecodeString(key); err != nil || len(h.key) < minKey || len(h.key) > maxKey {
		return passwordHash{}, fmt.Errorf("the hash itself is not %d to %d bytes in base64 without padding", minKey, maxKey)
	}
	if h.String() != phc {
		return passwordHash{}, errors.New("the hash is not in canonical form")
	}
	return h, nil
}

// parseCost reads m=…,t=…,p=… and checks the limits.
func parseCost(s string) (passwordHash, error) {
	cost := strings.Split(s, ",")
	if len(cost) != 3 {
		return passwordHash{}, errors.New("the hash's parameters are not m=…,t=…,p=…")
	}
	read := func(i int, name string, low, high uint64) (uint64, error) {
		text, ok := strings.CutPrefix(cost[i], name+"=")
		n, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil {
			return 0, errors.New("the hash's parameters are not m=…,t=…,p=…")
		}
		if n < low || n > high {
			return 0, fmt.Errorf("the hash's parameter %s=%d is not between %d and %d", name, n, low, high)
		}
		return n, nil
	}
	m, errM := read(0, "m", minMemory, maxMemory)
	t, errT := read(1, "t", 1, maxPasses)
	p, errP := read(2, "p", 1, maxLanes)
	return passwordHash{memory: uint32(m), passes: uint32(t), lanes: uint8(p)}, errors.Join(errM, errT, errP)
}
