package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/accord-taxii/accord/store"
)

// NewSecret draws the secret of a webhook: the seed of an Ed25519 key, or the key of an HMAC.
func NewSecret() []byte {
	secret := make([]byte, ed25519.SeedSize)
	rand.Read(secret) // never fails: crypto/rand ends the process instead
	return secret
}

// newID draws the id of a webhook.
func newID() string {
	id := make([]byte, 8)
	rand.Read(id)
	return "wh_" + hex.EncodeToString(id)
}

// VerifyKey returns what a receiver verifies signatures with: the public key, whpk_…, or for HMAC the secret itself, whsec_….
func VerifyKey(w store.Webhook) string {
	if w.HMAC {
		return "whsec_" + base64.StdEncoding.EncodeToString(w.Secret)
	}
	public := ed25519.NewKeyFromSeed(w.Secret).Public().(ed25519.PublicKey)
	return "whpk_" + base64.StdEncoding.EncodeToString(public)
}

// Signature signs a message as the header webhook-signature has it: Ed25519 as v1a, HMAC-SHA256 as v1.
func Signature(w store.Webhook, id string, at time.Time, body []byte) (string, error) {
	signed := append([]byte(id+"."+strconv.FormatInt(at.Unix(), 10)+"."), body...)
	if w.HMAC {
		mac := hmac.New(sha256.New, w.Secret)
		mac.Write(signed)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
	}
	if len(w.Secret) != ed25519.SeedSize {
		return "", fmt.Errorf("the key of the webhook %s has %d bytes, expected %d", w.ID, len(w.Secret), ed25519.SeedSize)
	}
	return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(w.Secret), signed)), nil
}
