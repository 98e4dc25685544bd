package journal

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// successionHead is the first line of the note in which a key names the one that comes after it.
const successionHead = "accord.key.succession"

// SignSuccession returns the note in which a key names its successor, both given as verifier keys. A verifier that trusts the old
// key can then trust the new one.
func SignSuccession(old note.Signer, key, successor string) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: successionHead + "\n" + key + "\n" + successor + "\n"}, old)
	if err != nil {
		return nil, fmt.Errorf("sign the succession of %s+%08x: %w", old.Name(), old.KeyHash(), err)
	}
	return signed, nil
}

// Successors returns the trusted keys and those that they name, directly or through each other, in notes of succession, oldest
// first. Notes that no trusted key signed are ignored, and so is a successor of another name: the name is the server's, and stays.
func Successors(trusted []note.Verifier, notes [][]byte) []note.Verifier {
	trusted = append([]note.Verifier(nil), trusted...)
	for grown := true; grown; {
		grown = false
		for _, signed := range notes {
			n, by, err := openNote(signed, trusted)
			if err != nil {
				continue
			}
			key, successor, err := readSuccession(n.Text)
			if err != nil || key.Name() != by.Name() || key.KeyHash() != by.KeyHash() {
				continue
			}
			if next, err := note.NewVerifier(successor); err == nil && next.Name() == by.Name() && !knows(trusted, next) {
				trusted, grown = append(trusted, next), true
			}
		}
	}
	return trusted
}

// Retired reports whether one of the notes names a successor of a key, signed by that key: then it signs no further heads.
func Retired(key note.Verifier, notes [][]byte) bool {
	for _, signed := range notes {
		if n, _, err := openNote(signed, []note.Verifier{key}); err == nil {
			if named, _, err := readSuccession(n.Text); err == nil && named.Name() == key.Name() && named.KeyHash() == key.KeyHash() {
				return true
			}
		}
	}
	return false
}

// ParseSuccession reads a note of succession whether or not its key is trusted: the key that signed it, and the one it names.
func ParseSuccession(signed []byte) (key, successor string, err error) {
	text, err := claimedText(signed)
	if err != nil {
		return "", "", err
	}
	by, successor, err := readSuccession(text)
	if err != nil {
		return "", "", err
	}
	if _, _, err := openNote(signed, []note.Verifier{by}); err != nil {
		return "", "", fmt.Errorf("read the succession of %s+%08x: %w", by.Name(), by.KeyHash(), err)
	}
	return strings.Split(text, "\n")[1], successor, nil
}

func readSuccession(text string) (key note.Verifier, successor string, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != successionHead {
		return nil, "", fmt.Errorf("not a note of succession: expected %s and two keys, a line each", successionHead)
	}
	if key, err = note.NewVerifier(lines[1]); err != nil {
		return nil, "", fmt.Errorf("the key %q: %w", lines[1], err)
	}
	if next, err := note.NewVerifier(lines[2]); err == nil && next.Name() != key.Name() {
		return nil, "", fmt.Errorf("the key %s names %s its successor, which has another name", clean(key.Name()), clean(next.Name()))
	}
	return key, lines[2], nil
}

func knows(keys []note.Verifier, key note.Verifier) bool {
	for _, k := range keys {
		if k.Name() == key.Name() && k.KeyHash() == key.KeyHash() {
			return true
		}
	}
	return false
}
