package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/accord-taxii/accord/store/journal"
)

// signatureName is the file beside a backup's manifest with the server's signature: a signed note of three lines, the head
// below, the verifier key, and the SHA-256 of backup.json.
const signatureName = "backup.note"

// signatureHead is the first line of the note. Heads and successions begin with other lines, so none of them passes for this.
const signatureHead = "accord.backup"

// signing returns the folder's signing key, or nil if it has none: a backup makes no key.
func (s *Store) signing() (*Keyring, error) {
	s.keyring.mu.Lock()
	defer s.keyring.mu.Unlock()
	if s.keyring.open != nil {
		return s.keyring.open, nil
	}
	k, err := openKeyring(filepath.Join(s.dir, keysName), "", true, s.opts.Now)
	if errors.Is(err, ErrNoKeys) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the signing keys: %w", err)
	}
	return k, nil
}

// signBackup signs the manifest of a backup.
func (k *Keyring) signBackup(manifest []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	signed, err := note.Sign(&note.Note{Text: signatureText(k.public, manifest)}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the backup: %w", err)
	}
	return signed, nil
}

func signatureText(key string, manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return signatureHead + "\n" + key + "\n" + hex.EncodeToString(sum[:]) + "\n"
}

// verifyBackup returns the verifier key that signed a manifest. It is the key that the note itself names: whether it is
// trusted is another question.
func verifyBackup(manifest, signed []byte) (key string, err error) {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	lines := strings.Split(text, "\n")
	if len(lines) != 3 || lines[0] != signatureHead {
		return "", fmt.Errorf("%s is no signature of a backup", signatureName)
	}
	verifier, err := note.NewVerifier(lines[1])
	if err != nil {
		return "", fmt.Errorf("%s names no key: %w", signatureName, err)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return "", fmt.Errorf("%s: %w", signatureName, err)
	}
	if n.Text != signatureText(lines[1], manifest) {
		return "", fmt.Errorf("%s signs another %s than this one", signatureName, backupName)
	}
	return lines[1], nil
}

// readSignature reads the signature in a backup's folder; empty if it has none.
func readSignature(dir string) ([]byte, error) {
	f, err := openPart(dir, signatureName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.Close()
	return os.ReadFile(filepath.Join(dir, signatureName))
}

// ErrNotTrusted says that a backup is not signed by a key that is trusted.
var ErrNotTrusted = errors.New("the backup is not signed by a trusted key")

// trust makes sure that a backup is signed by one of the verifier keys, or by a successor that one of them names. No keys: every
// backup will do.
func (m *BackupManifest) trust(dir string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	var trusted []note.Verifier
	for _, text := range keys {
		key, err := note.NewVerifier(text)
		if err != nil {
			return fmt.Errorf("the trusted key %q: %w", text, err)
		}
		trusted = append(trusted, key)
	}
	if m.SignedBy == "" {
		return fmt.Errorf("%w: it is not signed at all", ErrNotTrusted)
	}
	successions, err := SuccessionsBeside(filepath.Join(dir, agreementsName, registryName))
	if err != nil {
		return fmt.Errorf("read the successions of the keys: %w", err)
	}
	by, err := note.NewVerifier(m.SignedBy)
	if err != nil {
		return err
	}
	for _, key := range journal.Successors(trusted, successions) {
		if key.Name() == by.Name() && key.KeyHash() == by.KeyHash() {
			return nil
		}
	}
	return fmt.Errorf("%w: %s signed it", ErrNotTrusted, m.SignedBy)
}
