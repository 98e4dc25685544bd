package server

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"
)

var updateCodes = flag.Bool("update-codes", false, "write doc/errors.md")

// The page about error_code has every value, and is made from the table that answers.
func TestTheDocumentHasEveryErrorCode(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(`# Error codes

Every refusal over TAXII is an error resource (TAXII 2.1, section 3.6.1). Its ` + "`error_code`" + ` is one of these words, for programs; its ` +
		"`title`" + ` and ` + "`description`" + ` are for people and may change; its ` + "`error_id`" + ` names the request in the server's log. This
page is made from the server's own table (` + "`go test ./taxii/server -run ErrorCode -update-codes`" + `). Objects of an envelope are refused one by one,
with rules instead of codes: see [rules.md](rules.md).

| code | status | title | what to do | for example |
| --- | --- | --- | --- | --- |
`)
	used := map[string]bool{}
	for _, c := range Codes() {
		if c.Advice == "" || c.Example == "" {
			t.Errorf("the code %s has no advice or no example", c.Code)
		}
		used[c.Code] = true
		fmt.Fprintf(&page, "| `%s` | %d | %s | %s | %s |\n", c.Code, c.Status, c.Title, c.Advice, c.Example)
	}
	for code := range advice {
		if !used[code] {
			t.Errorf("there is advice about %s, which no error has", code)
		}
	}
	const name = "../../doc/errors.md"
	if *updateCodes {
		if err := os.WriteFile(name, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(name); err != nil || !bytes.Equal(text, page.Bytes()) {
		t.Errorf("doc/errors.md is not what the table says (%v): run with -update-codes", err)
	}
}
