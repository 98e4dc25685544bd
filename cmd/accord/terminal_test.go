package main

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
)

func TestNothingThatIsPrintedActsOnATerminal(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"plain text", "name\tvalue\nnext ä 漢 😀\n", "name\tvalue\nnext ä 漢 😀\n"},
		{"an escape sequence", "a\x1b]0;title\x07b", `a\u001b]0;title\u0007b`},
		{"a return that hides the line", "FAILED\rverified", `FAILED\u000dverified`},
		{"delete", "a\x7fb", `a\u007fb`},
		{"C1, which some terminals take for escape", "a\u009b31mb", `a\u009b31mb`},
		{"text turned round", "a\u202egnp.exe", `a\u202egnp.exe`},
		{"isolates and marks", "\u2066a\u2069\u200e\u061c", `\u2066a\u2069\u200e\u061c`},
		{"bytes that are no UTF-8", "a\x9bb\xff", `a\x9bb\xff`},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, len(row.text)} {
				var out bytes.Buffer
				w := &safeWriter{raw: &out}
				for text := row.text; text != ""; text = text[min(piece, len(text)):] {
					if _, err := io.WriteString(w, text[:min(piece, len(text))]); err != nil {
						t.Fatal(err)
					}
				}
				w.Flush()
				if out.String() != row.want {
					t.Errorf("in pieces of %d: got %q, want %q", piece, out.String(), row.want)
				}
			}
		})
	}
	var out bytes.Buffer
	json.NewEncoder(&safeWriter{raw: &out}).Encode("a\u202eb\u009b")
	var back string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != "a\u202eb\u009b" {
		t.Errorf("JSON that was escaped: got %q, %v, want the same value", back, err)
	}
	if got := oneLine("a\nverified\n"); got != `a\u000averified\u000a` {
		t.Errorf("a name with new lines: got %q", got)
	}
}

// Every command prints through a safeWriter.
func TestCommandsEscapeWhatTheyPrint(t *testing.T) {
	got := accord(t, nil, "validate", "--pattern", "\x1b[2Jabsent\u202e")
	if bytes.ContainsAny([]byte(got.stdout+got.stderr), "\x1b") || bytes.Contains([]byte(got.stderr), []byte("\u202e")) || got.stderr == "" {
		t.Errorf("got %q", got.stdout+got.stderr)
	}
}
