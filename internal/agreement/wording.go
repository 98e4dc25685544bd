package agreement

import (
	"encoding/hex"
	"strings"
)

// Wording is what the parties agreed to in words: the text itself or its digest, and the licence under which objects are given.
type Wording struct {
	Text    string `json:"text,omitempty"`
	SHA256  string `json:"sha256,omitempty"` // of a text that is kept elsewhere, hexadecimal
	Licence string `json:"licence,omitempty"`
}

// mostWording bounds a text among the terms: every change of terms keeps all of it again.
const mostWording = 64 << 10

func (w *Wording) clone() *Wording {
	if w == nil {
		return nil
	}
	c := *w
	c.SHA256 = strings.ToLower(c.SHA256)
	return &c
}

func (c *checker) wording(w *Wording) {
	if w == nil {
		return
	}
	if w.Text == "" && w.SHA256 == "" && w.Licence == "" {
		c.fault("terms", "nothing is said, want text, sha256 or licence")
	}
	if w.Text != "" && w.SHA256 != "" {
		c.fault("terms.sha256", "text and sha256 are both given, want one: the digest is for a text that is kept elsewhere")
	}
	if len(w.Text) > mostWording {
		c.fault("terms.text", "the text has %d bytes, at most %d are kept: want its sha256", len(w.Text), mostWording)
	}
	if sum, err := hex.DecodeString(w.SHA256); w.SHA256 != "" && (err != nil || len(sum) != 32) {
		c.fault("terms.sha256", "%q is no SHA-256, want 64 hexadecimal digits", w.SHA256)
	}
}
