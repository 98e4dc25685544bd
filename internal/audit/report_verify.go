package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

// A report is a document that a server signs: JSON, as {"report":…,"signature":…}, or HTML, whose last comment is the signature.
// What is signed is the digest of the bytes before it.
const (
	reportBegin  = `{"report":`
	reportMiddle = `,"signature":`
	reportEnd    = "}\n"
	commentBegin = "<!-- accord-report-signature\n"
	commentEnd   = "-->\n"
)

// JoinReport puts a report and its signature together.
func JoinReport(report, signed []byte, html bool) []byte {
	if html {
		return fmt.Appendf(nil, "%s%s%s%s", report, commentBegin, signed, commentEnd)
	}
	text, err := json.Marshal(string(signed))
	if err != nil {
		panic(err) // a string
	}
	return fmt.Appendf(nil, "%s%s%s%s%s", reportBegin, report, reportMiddle, text, reportEnd)
}

// splitReport takes a report and its signature apart. A file has one spelling.
func splitReport(text []byte) (report, signed []byte, err error) {
	altered := &EvidenceError{"report", "it is no report of accord agreement report, or was altered"}
	html := bytes.HasSuffix(text, []byte(commentEnd))
	if html {
		i := bytes.LastIndex(text, []byte(commentBegin))
		if i < 0 {
			return nil, nil, altered
		}
		report, signed = text[:i], text[i+len(commentBegin):len(text)-len(commentEnd)]
	} else {
		var parts struct {
			Report    json.RawMessage `json:"report"`
			Signature string          `json:"signature"`
		}
		if err := json.Unmarshal(text, &parts); err != nil {
			return nil, nil, altered
		}
		report, signed = parts.Report, []byte(parts.Signature)
	}
	if !bytes.Equal(JoinReport(report, signed, html), text) {
		return nil, nil, altered
	}
	return report, signed, nil
}

// ReportVerdict states what was proved of a report.
type ReportVerdict struct {
	Claim    journal.ReportClaim
	SignedBy string
	Trusted  bool   // the key, or one that named it, was given
	Size     uint64 // entries of the journal today
}

// String says what was proved, a sentence a line.
func (v ReportVerdict) String() string {
	s := fmt.Sprintf("The report on the agreement %s is as %s signed it", v.Claim.Agreement, v.SignedBy)
	if !v.Trusted {
		s += " (a key taken from the server)"
	}
	return s + fmt.Sprintf(".\nIt tells of the first %d entries of %s, and the journal of today, with %d, begins with exactly these.",
		v.Claim.Head.Size, v.Claim.Head.Origin, v.Size)
}

// VerifyReport checks that a report is as a server signed it, and that the journal of today continues the head that it tells of.
// trusted are verifier keys; without any, those of the server count.
func (c *Client) VerifyReport(ctx context.Context, text []byte, trusted []string) (ReportVerdict, error) {
	report, signed, err := splitReport(text)
	if err != nil {
		return ReportVerdict{}, err
	}
	list, err := c.Keys(ctx)
	if err != nil {
		return ReportVerdict{}, err
	}
	keys, err := trustedKeys(trusted, list)
	if err != nil {
		return ReportVerdict{}, err
	}
	claim, by, err := journal.OpenReport(signed, keys)
	if err != nil {
		return ReportVerdict{}, err
	}
	if sha256.Sum256(report) != claim.Digest {
		return ReportVerdict{}, &EvidenceError{"report", "it was altered: it has not the digest that was signed"}
	}
	name := agreement.Name(claim.Agreement)
	if err := checkOrigin(claim.Head, by, name); err != nil {
		return ReportVerdict{}, err
	}
	h, err := c.openHead(ctx, Verification{Agreement: name, Keys: trusted})
	if err != nil {
		return ReportVerdict{}, err
	}
	if h.now.Origin != claim.Head.Origin {
		return ReportVerdict{}, &MismatchError{fmt.Sprintf("the report is on %s, the agreement %s of today is %s", claim.Head.Origin, name, h.now.Origin)}
	}
	if err := c.checkConsistency(ctx, name, claim.Head, h.now); err != nil {
		return ReportVerdict{}, err
	}
	return ReportVerdict{Claim: claim, SignedBy: keyName(by), Trusted: len(trusted) > 0, Size: h.now.Size}, nil
}
