package journal

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is the head of a journal's tree: its number of entries and its root hash. Its text is the body of a signed note
// (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // name of the server, "/", id of the collection: see Origin
	Size   uint64 // entries
	Root   tlog.Hash
}

// Origin returns the first line of a collection's checkpoints.
func Origin(server string, collection uuid.UUID) string { return server + "/" + collection.String() }

// Collection returns the id of the collection that an origin names.
func (c Checkpoint) Collection() (uuid.UUID, error) {
	i := strings.LastIndexByte(c.Origin, '/')
	id, err := uuid.Parse(c.Origin[i+1:])
	if i <= 0 || err != nil || id.String() != c.Origin[i+1:] {
		return uuid.UUID{}, fmt.Errorf("the origin %q is not the name of a server, a slash and the id of a collection", clean(c.Origin))
	}
	return id, nil
}

// CheckOrigin reports an origin that is not that of a collection on the server whose key signs.
func (c Checkpoint) CheckOrigin(by note.Verifier, collection uuid.UUID) error {
	if want := Origin(by.Name(), collection); c.Origin != want {
		return &SignatureError{fmt.Sprintf("the head is of %q, expected %q", clean(c.Origin), want)}
	}
	return nil
}

// Text is the body of the note: origin, size and root hash, a line each.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

var errCheckpoint = errors.New("not a checkpoint: expected the lines origin, size and root hash")

// mostEntries is more entries than a journal will have. In larger trees the arithmetic of tlog overflows and does not end.
const mostEntries = 1 << 62

// ParseCheckpoint reads the body of a note. Lines after the third are extensions, which it leaves alone.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 || lines[0] == "" {
		return Checkpoint{}, errCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("the size %q of the checkpoint is not a number without leading zeros", lines[1])
	}
	if size > mostEntries {
		return Checkpoint{}, fmt.Errorf("the size %d of the checkpoint is more than any journal has", size)
	}
	c := Checkpoint{Origin: lines[0], Size: size}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || copy(c.Root[:], root) != len(root) || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("the root hash %q of the checkpoint is not the base64 of 32 bytes", lines[2])
	}
	if !strings.HasPrefix(text, c.Text()) { // the decoder passes over "\r"
		return Checkpoint{}, fmt.Errorf("the root hash %q of the checkpoint has more in it than base64", lines[2])
	}
	return c, nil
}

// Sign returns the signed note of a checkpoint.
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint of %s: %w", c.Origin, err)
	}
	return signed, nil
}

// SignatureError is the error about a note without a valid signature of a trusted key.
type SignatureError struct{ Reason string }

func (e *SignatureError) Error() string { return "signature: " + e.Reason }

// OpenCheckpoint reads a signed note and checks that one of the keys signed it. by is that key. The error about a signature is a
// *SignatureError.
func OpenCheckpoint(signed []byte, keys []note.Verifier) (c Checkpoint, by note.Verifier, err error) {
	n, by, err := openNote(signed, keys)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	if c, err = ParseCheckpoint(n.Text); err != nil {
		return Checkpoint{}, nil, err
	}
	return c, by, nil
}

// ReadCheckpoint reads a signed note without checking its signatures: its content is only a claim.
func ReadCheckpoint(signed []byte) (Checkpoint, error) {
	text, err := claimedText(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	return ParseCheckpoint(text)
}

// claimedText is the body of a signed note, whatever key signed it.
func claimedText(signed []byte) (string, error) {
	if err := oneText(signed); err != nil {
		return "", err
	}
	var unverified *note.UnverifiedNoteError
	if _, err := note.Open(signed, note.VerifierList()); !errors.As(err, &unverified) {
		return "", fmt.Errorf("not a signed note: %w", err)
	}
	return unverified.Note.Text, nil
}

// oneText refuses a note whose text has an empty line: the first one ends the text (C2SP signed-note).
func oneText(signed []byte) error {
	if first := bytes.Index(signed, []byte("\n\n")); first <= 0 || first != bytes.LastIndex(signed, []byte("\n\n")) {
		return errors.New("not a signed note: expected text, one empty line, signatures")
	}
	return nil
}

// openNote checks a note and returns the first of the keys that signed it. A signature that claims one of the keys and does not
// verify spoils the note, beside whatever else stands there.
func openNote(signed []byte, keys []note.Verifier) (*note.Note, note.Verifier, error) {
	if err := oneText(signed); err != nil {
		return nil, nil, err
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return nil, nil, &SignatureError{fmt.Sprintf("none of the known keys (%s) signed it, but %s", keyNames(keys), signerNames(unverified.Note.UnverifiedSigs))}
	case errors.As(err, &invalid):
		return nil, nil, &SignatureError{fmt.Sprintf("that of the key %s+%08x does not fit the text", clean(invalid.Name), invalid.Hash)}
	case err != nil:
		return nil, nil, fmt.Errorf("not a signed note: %w", err)
	}
	claims := map[string]int{}
	_, signatures, _ := bytes.Cut(signed, []byte("\n\n"))
	for line := range strings.Lines(string(signatures)) {
		name, sig, ok := parseSignature(line)
		if ok {
			claims[fmt.Sprintf("%s+%08x", name, binary.BigEndian.Uint32(sig))]++
		}
	}
	for _, key := range keys {
		if name := fmt.Sprintf("%s+%08x", key.Name(), key.KeyHash()); claims[name] > 1 {
			return nil, nil, &SignatureError{fmt.Sprintf("the key %s signs it twice", clean(name))}
		}
	}
	for _, key := range keys {
		if key.Name() == n.Sigs[0].Name && key.KeyHash() == n.Sigs[0].Hash {
			return n, key, nil
		}
	}
	return nil, nil, &SignatureError{"by a key that was not given"}
}

// parseSignature reads a signature line: the name of a key, and the hash of the key followed by the signature.
func parseSignature(line string) (name string, sig []byte, ok bool) {
	line, ok = strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— ")
	if !ok {
		return "", nil, false
	}
	name, text, _ := strings.Cut(line, " ")
	sig, err := base64.StdEncoding.DecodeString(text)
	return name, sig, err == nil && len(sig) > 4
}

func keyNames(keys []note.Verifier) string {
	if len(keys) == 0 {
		return "none given"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = fmt.Sprintf("%s+%08x", k.Name(), k.KeyHash())
	}
	return strings.Join(names, ", ")
}

func signerNames(sigs []note.Signature) string {
	names := make([]string, len(sigs))
	for i, s := range sigs {
		names[i] = clean(fmt.Sprintf("%s+%08x", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}
