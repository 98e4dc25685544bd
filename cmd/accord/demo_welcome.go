package main

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/demo"
	"github.com/accord-taxii/accord/internal/serve"
)

// demoObject is an object to add: small enough to be read on the line that sends it.
const demoObject = `{"type":"campaign","spec_version":"2.1","id":"campaign--5b8f2c74-9d1e-4f6a-b3c0-7e2a91d4586f",` +
	`"created":"2026-01-15T09:00:00.000Z","modified":"2026-01-15T09:00:00.000Z","name":"Operation First Light"}`

// welcome returns what the demo prints once it serves. Each line that begins with accord or curl works in a shell as printed.
func (d *demoRun) welcome(r serve.Running, dataDir string) string {
	url := r.URL
	var b strings.Builder
	fmt.Fprintf(&b, "Accord demo. In a browser:\n\n  %s\n\nLogins, also for TAXII at %s/taxii2/:\n\n", r.ConsoleURL, url)
	for _, l := range demo.Logins() {
		fmt.Fprintf(&b, "  %-8s %-15s %s\n", l.Account, l.Password, l.Does)
	}
	industry := url + "/nicp/collections/" + demo.IndustryID + "/"
	members := url + "/allies/collections/" + demo.MembersID + "/"
	fmt.Fprintf(&b, "\nAgreements: industry releases to members what is TLP:GREEN at most, once an operator says yes.\n\n  industry %s\n  members  %s\n", industry, members)
	d.commands(&b, dataDir)
	d.liveLines(&b, url, dataDir)
	fmt.Fprintf(&b, "\nOver HTTP:\n")

	get := func(login, what, target string) {
		fmt.Fprintf(&b, "\n# %s\ncurl -sg -u %s:demo-%s-pw '%s'\n", what, login, login, target)
	}
	get("vendor", "discovery: the API roots in which this account has an agreement", url+"/taxii2/")
	get("vendor", "an API root", url+"/nicp/")
	get("agency", "its collections: the agreements", url+"/nicp/collections/")
	get("agency", "objects, five at a time; next in the answer leads on", industry+"objects/?limit=5")
	get("agency", "indicators only, in every version", industry+"objects/?match[type]=indicator&match[version]=all&limit=3")
	get("agency", "the manifest: what there is, without the objects", industry+"manifest/?limit=5")
	get("agency", "one object, as it is now", industry+"objects/"+d.supply.Revised+"/")
	get("agency", "its versions", industry+"objects/"+d.supply.Revised+"/versions/")
	fmt.Fprintf(&b, "\n# add an object\ncurl -sg -u vendor:demo-vendor-pw -H 'Content-Type: application/taxii+json;version=2.1' -d '{\"objects\":[%s]}' '%sobjects/'\n",
		demoObject, industry)
	if d.status != uuid.Nil {
		get("vendor", "the status of an addition", url+"/nicp/status/"+d.status.String()+"/")
	}
	get("member", "another agreement, by its alias", url+"/allies/collections/members/objects/?limit=2")
	get("root", "the operator reads everything", members+"objects/?match[type]=report&limit=1")
	fmt.Fprintf(&b, "\nThe data folder is %s; remove it to begin anew. An interrupt ends the demo.\n\n", dataDir)
	return b.String()
}

// commands writes command lines to try.
func (d *demoRun) commands(b *strings.Builder, dataDir string) {
	fmt.Fprintf(b, "\nAt the command line, while this runs:\n")
	data := " --data " + shellWord(dataDir)
	try := func(what, line string) { fmt.Fprintf(b, "\n# %s\naccord %s%s\n", what, line, data) }
	try("do we have this address, in any agreement?", "find "+d.supply.Address)
	try("who may do what under which terms", "agreement show industry")
	try("what goes on to the members, what stays, and why", "agreement release industry --to members --dry-run")
	try("what waits for a yes", "release queue industry")
	try("why the member does not get an object", "explain member members "+d.supply.Withheld)
	try("what became of one that was taken back: who received it", "history "+demo.WithdrawnID+" --agreement members")
	try("all versions of another, and where each went", "history "+d.supply.Revised+" --agreement industry")
	try("what a member says about one that was released to it", "object show industry "+d.supply.Released)
	try("who reads, and who has fallen behind", "audit deliveries --agreement members")
	try("who must be told of the one that was taken back", "audit deliveries --agreement members --object "+demo.WithdrawnID)
	try("the signed head of a journal: keep it, and compare later", "audit checkpoint --agreement industry")
	try("verify every entry of a journal under its head", "audit verify --agreement industry")
	try("evidence about an object, which verifies offline", "audit prove "+d.supply.Revised+" --agreement industry")
	try("what was refused, and is kept for its sender", "refused list industry")
	try("the accounts, and their last logins", "account list")
}

// shellWord writes a word for a shell.
func shellWord(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
