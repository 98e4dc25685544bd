package journal

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/control"
)

// A witness cosigns a checkpoint: it states that at a moment this was the newest head it had seen, and that it continues those
// before (C2SP tlog-cosignature, cosignature/v1, Ed25519).

// algCosignature is the signature type of cosignature/v1, which is part of a key's hash and of its text.
const algCosignature = 4

// Witness is the public key of a witness.
type Witness struct {
	Name string
	Hash uint32
	key  ed25519.PublicKey
}

// ParseWitness reads a verifier key of a witness: name+hash+key.
func ParseWitness(text string) (Witness, error) {
	name, rest, _ := strings.Cut(text, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algCosignature || !plainName(name) {
		return Witness{}, fmt.Errorf("%q is not the key of a witness: expected name, hash and an Ed25519 key for cosignatures, joined by plus signs", clean(text))
	}
	w := Witness{Name: name, key: key[1:], Hash: keyHash(name, key)}
	if hash != fmt.Sprintf("%08x", w.Hash) {
		return Witness{}, fmt.Errorf("the key of the witness %s has the hash %08x, not %s", clean(name), w.Hash, clean(hash))
	}
	return w, nil
}

// WitnessKey returns the verifier key of a witness.
func WitnessKey(name string, private ed25519.PrivateKey) string {
	key := append([]byte{algCosignature}, private.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, key), base64.StdEncoding.EncodeToString(key))
}

func keyHash(name string, key []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func plainName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "+ ") && strings.IndexFunc(name, control.Acts) < 0
}

// cosigned returns what a witness signs.
func cosigned(text string, at time.Time) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text)
}

// Cosign returns the signature line with which a witness states that it saw a checkpoint at a moment. text is the checkpoint's
// text with all its extension lines.
func Cosign(name string, private ed25519.PrivateKey, text string, at time.Time) string {
	key := append([]byte{algCosignature}, private.Public().(ed25519.PublicKey)...)
	sig := binary.BigEndian.AppendUint32(nil, keyHash(name, key))
	sig = binary.BigEndian.AppendUint64(sig, uint64(at.Unix()))
	sig = append(sig, ed25519.Sign(private, cosigned(text, at))...)
	return "— " + name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// Cosigned returns when a witness cosigned a note; ok is false when it did not. A cosignature that claims the witness and does not
// verify, or a second one, is a *SignatureError.
func (w Witness) Cosigned(signed []byte) (at time.Time, ok bool, err error) {
	if err := oneText(signed); err != nil {
		return time.Time{}, false, err
	}
	text, signatures, _ := strings.Cut(string(signed), "\n\n")
	for line := range strings.Lines(signatures) {
		name, sig, parsed := parseSignature(line)
		if !parsed || name != w.Name || binary.BigEndian.Uint32(sig) != w.Hash {
			continue
		}
		if ok {
			return time.Time{}, false, &SignatureError{"the witness " + clean(name) + " cosigns it twice"}
		}
		if len(sig) != 4+8+ed25519.SignatureSize {
			return time.Time{}, false, &SignatureError{"the cosignature of " + clean(name) + " has another length"}
		}
		seconds := binary.BigEndian.Uint64(sig[4:])
		at = time.Unix(int64(seconds&(1<<62-1)), 0).UTC()
		if seconds >= 1<<62 || !ed25519.Verify(w.key, cosigned(text+"\n", at), sig[12:]) {
			return time.Time{}, false, &SignatureError{"the cosignature of " + clean(name) + " does not fit the text"}
		}
		ok = true
	}
	return at, ok, nil
}

// SplitNote returns the text of a signed note and its signature lines, without checking any.
func SplitNote(signed []byte) (text, signatures string, err error) {
	if err := oneText(signed); err != nil {
		return "", "", err
	}
	text, signatures, _ = strings.Cut(string(signed), "\n\n")
	return text + "\n", signatures, nil
}

// ParseWitnessKey returns the key of a witness from the text in which it is kept: the name, a newline, and the seed in hexadecimal.
func ParseWitnessKey(text string) (name string, private ed25519.PrivateKey, err error) {
	name, rest, _ := strings.Cut(text, "\n")
	seed, err := hex.DecodeString(strings.TrimSpace(rest))
	if err != nil || len(seed) != ed25519.SeedSize || !plainName(name) {
		return "", nil, errors.New("not the key of a witness: expected its name and a seed, a line each") // the text stays unsaid
	}
	return name, ed25519.NewKeyFromSeed(seed), nil
}

// FormatWitnessKey returns the text in which the key of a witness is kept, from its name and a random seed of 32 bytes.
func FormatWitnessKey(name string, seed []byte) (string, error) {
	if !plainName(name) || len(seed) != ed25519.SeedSize {
		return "", fmt.Errorf("the name %q of a witness is empty, or has a space or a plus sign", clean(name))
	}
	return name + "\n" + hex.EncodeToString(seed) + "\n", nil
}
