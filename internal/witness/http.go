package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/accord-taxii/accord/store/journal"
)

// The protocol is C2SP tlog-witness: POST PREFIX/add-checkpoint, whose body is the line "old SIZE", the hashes of the proof of
// consistency in base64, a line each, an empty line, and the signed head.

const (
	maxBody   = 64 << 10
	maxHashes = 63
	sizeType  = "text/x.tlog.size"
)

// statuses are the answers to refusals.
var statuses = map[Kind]int{
	Malformed: http.StatusBadRequest, Unknown: http.StatusNotFound, Unsigned: http.StatusForbidden,
	Stale: http.StatusConflict, Inconsistent: http.StatusUnprocessableEntity,
}

// Handler serves the protocol at /add-checkpoint.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
		if err != nil {
			http.Error(rw, "the body is too large or was cut off", http.StatusBadRequest)
			return
		}
		line, err := w.answer(body)
		var refused *Refused
		switch {
		case errors.As(err, &refused) && refused.Kind == Stale:
			rw.Header().Set("Content-Type", sizeType)
			rw.WriteHeader(http.StatusConflict)
			fmt.Fprintf(rw, "%d\n", refused.Size)
		case errors.As(err, &refused):
			http.Error(rw, refused.Reason, statuses[refused.Kind])
		case err != nil:
			http.Error(rw, "the witness cannot keep the head", http.StatusInternalServerError)
		default:
			io.WriteString(rw, line)
		}
	})
	return mux
}

func (w *Witness) answer(body []byte) (string, error) {
	old, proof, signed, err := parseRequest(body)
	if err != nil {
		return "", &Refused{Kind: Malformed, Reason: err.Error()}
	}
	return w.Cosign(old, proof, signed)
}

func parseRequest(body []byte) (old uint64, proof []tlog.Hash, signed []byte, err error) {
	head, signed, ok := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	text, begins := strings.CutPrefix(lines[0], "old ")
	old, err = strconv.ParseUint(text, 10, 63)
	if !ok || !begins || err != nil || strconv.FormatUint(old, 10) != text {
		return 0, nil, nil, errors.New("expected the line old SIZE, hashes, an empty line and a signed head")
	}
	if len(lines)-1 > maxHashes {
		return 0, nil, nil, fmt.Errorf("more than %d hashes", maxHashes)
	}
	for _, line := range lines[1:] {
		var h tlog.Hash
		b, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(b) != tlog.HashSize {
			return 0, nil, nil, errors.New("a line of the proof is not the base64 of 32 bytes")
		}
		copy(h[:], b)
		proof = append(proof, h)
	}
	return old, proof, signed, nil
}

// Ask asks a witness to cosign a head. prove makes the proof of consistency from a size on. known is the size that the witness is
// thought to have; a witness that has another says so and is asked once more. It returns the signature line.
func Ask(ctx context.Context, client *http.Client, url string, w journal.Witness, signed []byte, known uint64, prove func(from uint64) ([]tlog.Hash, error)) (string, error) {
	for range 2 {
		line, size, err := askOnce(ctx, client, url, signed, known, prove)
		if err != nil {
			return "", fmt.Errorf("ask the witness %s: %w", w.Name, err)
		}
		if line == "" {
			known = size
			continue
		}
		_, ok, err := w.Cosigned(append(bytes.Clone(signed), line...))
		if err == nil && !ok {
			err = errors.New("its answer has no cosignature of its key")
		}
		if err != nil {
			return "", fmt.Errorf("ask the witness %s: %w", w.Name, err)
		}
		return ofWitness(line, w.Name), nil
	}
	return "", fmt.Errorf("ask the witness %s: it has a newer head than this log", w.Name)
}

// ofWitness keeps the signature lines of one witness.
func ofWitness(lines, name string) string {
	var kept strings.Builder
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(line, "— "+name+" ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func askOnce(ctx context.Context, client *http.Client, url string, signed []byte, known uint64, prove func(uint64) ([]tlog.Hash, error)) (line string, size uint64, err error) {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", known)
	if known > 0 {
		proof, err := prove(known)
		if err != nil {
			return "", 0, err
		}
		for _, h := range proof {
			fmt.Fprintln(&body, h.String())
		}
	}
	body.WriteString("\n")
	body.Write(signed)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(url, "/")+"/add-checkpoint", &body)
	if err != nil {
		return "", 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return "", 0, err
	}
	switch {
	case resp.StatusCode == http.StatusOK && len(text) > 0:
		return string(text), 0, nil
	case resp.StatusCode == http.StatusConflict && resp.Header.Get("Content-Type") == sizeType:
		size, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 62)
		if err != nil || size == known {
			return "", 0, errors.New("it has another head of the same size: one of the two histories is forged")
		}
		return "", size, nil
	}
	return "", 0, fmt.Errorf("it answered %s: %s", resp.Status, journal.CleanText(strings.TrimSpace(string(text[:min(len(text), 200)]))))
}
