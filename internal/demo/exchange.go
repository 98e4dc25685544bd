package demo

import (
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// Login is an account of the demo's exchange.
type Login struct {
	Account, Password string
	Does              string // who that is and what it may
}

// Logins are the accounts of the demo's exchange. Their passwords are no secrets: anyone can read them here.
func Logins() []Login {
	return []Login{
		{"vendor", "demo-vendor", "a security vendor's tool: adds to industry, reads it"},
		{"agency", "demo-agency", "an agency's analyst: reads and audits industry, adds to members"},
		{"member", "demo-member", "a member state's SIEM: reads members"},
		{"root", "demo-root", "the operator: may read and administer everything"},
	}
}

// Supply says who fills which agreement of the demo's exchange, and with what.
type Supply struct {
	Agreement, Account string
	Objects            [][]byte
	Revised            string // identifier of one of them that has several versions
}

// The seeds of those who supply objects.
const (
	vendorSeed = 2
	agencySeed = 1
)

// Supplies are the objects of the demo's exchange: the first some hundred of a seed, of which an agreement gets those that
// its marking ceiling lets in.
func Supplies() []Supply {
	supplies := []Supply{
		{Agreement: "industry", Account: "vendor", Objects: Generate(vendorSeed, 400)},
		{Agreement: "members", Account: "agency", Objects: below(stix.Green, Generate(agencySeed, 260))},
	}
	for i := range supplies {
		supplies[i].Revised = revised(supplies[i].Objects)
	}
	return supplies
}

// revised finds an object that occurs more than once, an indicator if there is one.
func revised(texts [][]byte) string {
	seen := make(map[string]bool)
	found := ""
	for _, text := range texts {
		_, rest, _ := strings.Cut(string(text), `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		if seen[id] && (found == "" || strings.HasPrefix(id, "indicator--")) {
			found = id
		}
		seen[id] = true
	}
	return found
}

// below keeps the texts that carry no marking above level.
func below(level stix.TLP, texts [][]byte) [][]byte {
	var kept [][]byte
next:
	for _, text := range texts {
		for _, m := range markings {
			if m.level > level && strings.Contains(string(text), string(m.id)) {
				continue next
			}
		}
		kept = append(kept, text)
	}
	return kept
}

// Exchange is the apply file of the demo. It names its passwords by environment variables, which Getenv knows.
func Exchange() []byte {
	return fmt.Appendf(nil, exchange, Author(vendorSeed), Author(agencySeed))
}

// Getenv gives the passwords that Exchange names.
func Getenv(name string) string {
	for _, l := range Logins() {
		if name == "DEMO_"+strings.ToUpper(l.Account) {
			return l.Password
		}
	}
	return ""
}

// The collections of the demo, the same on every machine.
const (
	IndustryID = "3e9c1f0a-5d2b-4c6e-9a71-0b8d4f2e6c15"
	MembersID  = "7a4d2b8c-1e6f-4a93-8c05-d9f3b1a7e240"
)

const exchange = `# Two agreements: a vendor shares with an agency, the agency shares with its members.
server: {title: Accord demo, description: Made-up objects to look at}
api_roots:
  - {name: nicp, title: Industry partnership, description: What industry shares with the agency}
  - {name: allies, title: Member states, description: What the agency shares with its members}
parties:
  - {name: vendor, title: Tidewater Response Team, identity: %q}
  - {name: agency, title: Meridian Analysis Office, identity: %q}
  - {name: member, title: A member state}
accounts:
  - {name: vendor, party: vendor, password_env: DEMO_VENDOR}
  - {name: agency, party: agency, password_env: DEMO_AGENCY}
  - {name: member, party: member, password_env: DEMO_MEMBER}
  - {name: root, operator: true, password_env: DEMO_ROOT}
agreements:
  - name: industry
    title: Industry to agency
    description: Indicators and reports from a vendor, up to TLP:AMBER+STRICT
    api_root: nicp
    collection: {id: ` + IndustryID + `, alias: industry}
    parties:
      - {party: vendor, roles: [producer, consumer]}
      - {party: agency, roles: [consumer, auditor]}
    term: {from: 2024-01-01, until: 2044-01-01}
    accept: {max_tlp: amber+strict, default_tlp: green}
  - name: members
    title: Agency to members
    description: What the agency passes to every member, up to TLP:GREEN
    api_root: allies
    collection: {id: ` + MembersID + `, alias: members}
    parties:
      - {party: agency, roles: [producer, consumer, auditor]}
      - {party: member, roles: [consumer]}
    term: {from: 2024-01-01}
    accept: {max_tlp: green, default_tlp: green}
`
