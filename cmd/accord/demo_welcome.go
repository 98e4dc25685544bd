package main

import (
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/demo"
)

// demoObject is an object to add: small enough to be read on the line that sends it.
const demoObject = `{"type":"campaign","spec_version":"2.1","id":"campaign--5b8f2c74-9d1e-4f6a-b3c0-7e2a91d4586f",` +
	`"created":"2026-01-15T09:00:00.000Z","modified":"2026-01-15T09:00:00.000Z","name":"Operation First Light"}`

// welcome returns what the demo prints once it serves. Each line that begins with curl works in a shell as printed.
func (d *demoRun) welcome(url, dataDir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Accord demo at %s/taxii2/ (data folder %s). An interrupt ends it.\n\nLogins:\n", url, dataDir)
	for _, l := range demo.Logins() {
		fmt.Fprintf(&b, "  %-8s %-14s %s\n", l.Account, l.Password, l.Does)
	}
	industry := url + "/nicp/collections/" + demo.IndustryID + "/"
	members := url + "/allies/collections/" + demo.MembersID + "/"
	fmt.Fprintf(&b, "\nAgreements:\n  industry %s\n  members  %s\n\nTo try:\n", industry, members)

	get := func(login, what, target string) {
		fmt.Fprintf(&b, "\n# %s\ncurl -sg -u %s:demo-%s-pw '%s'\n", what, login, login, target)
	}
	get("vendor", "discovery: the API roots in which this account has an agreement", url+"/taxii2/")
	get("vendor", "an API root", url+"/nicp/")
	get("agency", "its collections: the agreements", url+"/nicp/collections/")
	get("agency", "objects, five at a time; next in the answer leads on", industry+"objects/?limit=5")
	get("agency", "indicators only, in every version", industry+"objects/?match[type]=indicator&match[version]=all&limit=3")
	get("agency", "the manifest: what there is, without the objects", industry+"manifest/?limit=5")
	get("agency", "one object, as it is now", industry+"objects/"+d.object+"/")
	get("agency", "its versions", industry+"objects/"+d.object+"/versions/")
	fmt.Fprintf(&b, "\n# add an object\ncurl -sg -u vendor:demo-vendor-pw -H 'Content-Type: application/taxii+json;version=2.1' -d '{\"objects\":[%s]}' '%sobjects/'\n",
		demoObject, industry)
	if d.status != uuid.Nil {
		get("vendor", "the status of an addition", url+"/nicp/status/"+d.status.String()+"/")
	}
	get("member", "another agreement, by its alias", url+"/allies/collections/members/objects/?limit=2")
	get("root", "the operator reads everything", members+"objects/?match[type]=report&limit=1")
	return b.String() + "\n"
}
