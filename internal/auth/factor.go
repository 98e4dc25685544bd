package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// Factor is an account's second factor for the console: a secret that it shares with an authenticator, which makes a new
// code of six digits from it every 30 seconds (TOTP, RFC 6238). The secret is stored as it is, or no code could be checked.
type Factor struct {
	Secret   string    `json:"secret"` // base32 without padding
	Created  time.Time `json:"created"`
	Recovery []string  `json:"recovery,omitempty"` // hexadecimal SHA-256 of codes that count once each
}

const (
	factorPeriod  = 30 * time.Second // a code's
	factorSlack   = 1                // periods that the authenticator's clock may be off
	factorBytes   = 20               // of a secret (RFC 4226, section 4)
	recoveryCodes = 8
	recoveryBytes = 10 // 80 bits cannot be guessed, so a plain SHA-256 is safe
)

// NewFactor draws a second factor. address is what authenticators read, otpauth://…, usually from a QR code; recovery are codes
// for when the authenticator is lost. Both are for the account's owner, and shown once.
func NewFactor(issuer, account string, now time.Time) (f Factor, address string, recovery []string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Period: uint(factorPeriod / time.Second), SecretSize: factorBytes})
	if err != nil {
		return Factor{}, "", nil, fmt.Errorf("draw a second factor: %w", err)
	}
	f = Factor{Secret: key.Secret(), Created: now.UTC().Truncate(time.Second)}
	for range recoveryCodes {
		var secret [recoveryBytes]byte
		rand.Read(secret[:]) // never fails: crypto/rand ends the process instead
		text := strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
		recovery = append(recovery, strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-"))
		f.Recovery = append(f.Recovery, hashRecovery(recovery[len(recovery)-1]))
	}
	return f, key.URL(), recovery, nil
}

// hashRecovery returns what is stored of a recovery code, however it was typed.
func hashRecovery(code string) string {
	code = strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	sum := sha256.Sum256([]byte("accord recovery " + code))
	return hex.EncodeToString(sum[:])
}

// Step returns the number of the period that a code belongs to, if it is one around now. A step must be accepted once at most:
// the caller remembers the last one.
func (f Factor) Step(code string, now time.Time) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	current := now.Unix() / int64(factorPeriod/time.Second)
	for n := current - factorSlack; n <= current+factorSlack; n++ {
		want, err := hotp.GenerateCodeCustom(f.Secret, uint64(n), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = n, true
		}
	}
	return step, ok
}

// Without returns the factor without a recovery code that was used, if the code is one.
func (f Factor) Without(recovery string) (Factor, bool) {
	i := slices.Index(f.Recovery, hashRecovery(recovery))
	if i < 0 {
		return f, false
	}
	f.Recovery = slices.Delete(slices.Clone(f.Recovery), i, i+1)
	return f, true
}
