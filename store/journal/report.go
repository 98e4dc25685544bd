package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// reportHead is the first line of the note that signs a report. No head, succession or backup begins so.
const reportHead = "accord.report"

// ReportClaim is what a server signs of a report: whose it is, its digest, and the head of the journal that it tells of.
type ReportClaim struct {
	Agreement string
	Digest    Digest // SHA-256 of the report
	Head      Checkpoint
}

// Text is the body of the note.
func (c ReportClaim) Text() string {
	return reportHead + "\nagreement " + c.Agreement + "\nsha256 " + hex.EncodeToString(c.Digest[:]) + "\n" + c.Head.Text()
}

var errReport = errors.New("not the signature of a report")

// ReadReport reads the note that signs a report without checking the signature.
func ReadReport(signed []byte) (ReportClaim, error) {
	text, _, err := SplitNote(signed)
	if err != nil {
		return ReportClaim{}, errReport
	}
	return parseReport(text)
}

// OpenReport returns what a note claims of a report, and the key that signed it.
func OpenReport(signed []byte, keys []note.Verifier) (ReportClaim, note.Verifier, error) {
	n, by, err := openNote(signed, keys)
	if err != nil {
		return ReportClaim{}, nil, err
	}
	c, err := parseReport(n.Text)
	if err != nil {
		return ReportClaim{}, nil, err
	}
	return c, by, nil
}

func parseReport(text string) (c ReportClaim, err error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || lines[0] != reportHead {
		return ReportClaim{}, errReport
	}
	name, named := strings.CutPrefix(lines[1], "agreement ")
	sum, summed := strings.CutPrefix(lines[2], "sha256 ")
	digest, err := hex.DecodeString(sum)
	if !named || !summed || err != nil || len(digest) != len(c.Digest) {
		return ReportClaim{}, errReport
	}
	c.Agreement, c.Digest = name, Digest(digest)
	if c.Head, err = ParseCheckpoint(lines[3]); err != nil {
		return ReportClaim{}, fmt.Errorf("%w: %w", errReport, err)
	}
	if c.Text() != text {
		return ReportClaim{}, errReport
	}
	return c, nil
}
