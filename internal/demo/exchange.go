package demo

import (
	"fmt"
	"strings"

	"github.com/accord-taxii/accord/stix"
)

// Login is an account of the demo's exchange.
type Login struct {
	Account, Password string
	Does              string // its owner and rights, in words
}

// Logins returns the accounts of the demo's exchange. Their passwords are public.
func Logins() []Login {
	return []Login{
		{"vendor", "demo-vendor-pw", "a security vendor's tool: adds to industry, reads it"},
		{"agency", "demo-agency-pw", "an agency's analyst: reads and audits industry, adds to members"},
		{"member", "demo-member-pw", "a member state's SIEM: reads members, and keeps up"},
		{"partner", "demo-partner-pw", "another member state's: reads members, and has fallen behind"},
		{"root", "demo-root-pw", "the operator: may read and administer everything"},
	}
}

// Supply is what one account adds to one agreement of the demo's exchange.
type Supply struct {
	Agreement, Account string
	Objects            [][]byte
	Revised            string // identifier of one of them that has several versions
	Withheld           string // identifier of one that the agreement releases to no other, for its marking
	Released           string // identifier of an indicator that is released in every version
	Address            string // an address that one of them is
}

// Seeds of the objects of the two suppliers.
const (
	vendorSeed = 2
	agencySeed = 1
)

// Supplies returns the objects of the demo's exchange: the first few hundred of each seed that the agreement's ceiling
// allows.
func Supplies() []Supply {
	supplies := []Supply{
		{Agreement: "industry", Account: "vendor", Objects: append(Generate(vendorSeed, 400), []byte(withdrawn))},
		{Agreement: "members", Account: "agency", Objects: below(stix.Green, Generate(agencySeed, 260))},
	}
	for i := range supplies {
		supplies[i].Revised = revised(supplies[i].Objects)
	}
	industry := &supplies[0]
	industry.Released = released(industry.Objects)
	for _, text := range industry.Objects {
		if industry.Withheld == "" && firstMember(text, "type") == "indicator" && len(below(stix.Green, [][]byte{text})) == 0 {
			industry.Withheld = firstMember(text, "id")
		}
		if industry.Address == "" && firstMember(text, "type") == "ipv4-addr" {
			industry.Address = firstMember(text, "value")
		}
	}
	return supplies
}

// WithdrawnID is the indicator that the vendor takes back once it was released to the members.
const WithdrawnID = "indicator--2b7c9d4e-6f10-4a83-9c5b-1d8e3f7a6042"

const withdrawn = `{"type":"indicator","spec_version":"2.1","id":"` + WithdrawnID + `","created":"2025-06-02T08:30:00.000Z","modified":"2025-06-02T08:30:00.000Z",` +
	`"name":"Update host of a lure, named in error","description":"The host belongs to a supplier, not to the attackers: the vendor takes this back.",` +
	`"indicator_types":["malicious-activity"],"pattern":"[domain-name:value = 'updates.harbour-supplies.example']","pattern_type":"stix","pattern_version":"2.1",` +
	`"valid_from":"2025-06-02T08:30:00Z","confidence":35,"object_marking_refs":["` + string(stix.TLP2Green) + `"]}`

// firstMember returns the first string of that name in a text: of the object itself, since generated objects begin with those.
func firstMember(text []byte, name string) string {
	_, rest, _ := strings.Cut(string(text), `"`+name+`":"`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// revised returns an object with several versions, an indicator if possible.
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

// released returns the first indicator of which no version is marked above what the members may have.
func released(texts [][]byte) string {
	kept := make(map[string]int)
	for _, text := range below(stix.Green, texts) {
		kept[firstMember(text, "id")]++
	}
	for _, text := range texts {
		kept[firstMember(text, "id")]--
	}
	for _, text := range texts {
		if id := firstMember(text, "id"); strings.HasPrefix(id, "indicator--") && kept[id] == 0 && id != WithdrawnID {
			return id
		}
	}
	return ""
}

// SightingID is what a member says about an indicator that was released to it.
const SightingID = "sighting--4d8e2b17-60c3-4f59-a1d4-7e9b3c5f8a26"

// Sighting is the member's word that it has seen an indicator.
func Sighting(of string) []byte {
	return fmt.Appendf(nil, `{"type":"sighting","spec_version":"2.1","id":%q,"created":"2025-07-02T11:15:00.000Z","modified":"2025-07-02T11:15:00.000Z",`+
		`"first_seen":"2025-06-30T06:00:00Z","last_seen":"2025-07-02T10:40:00Z","count":3,"sighting_of_ref":%q,"object_marking_refs":[%q]}`, SightingID, of, stix.TLP2Green)
}

// below returns the texts without a marking above level.
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

// Exchange returns the apply file of the demo. Its passwords are environment variables that Getenv resolves. From some time on the
// release to the members is held: what comes then waits for a yes.
func Exchange(held bool) []byte {
	hold := ""
	if held {
		hold = ", hold: approve"
	}
	return fmt.Appendf(nil, exchange, Author(vendorSeed), Author(agencySeed), hold)
}

// Later are objects that the vendor adds once the release to the members is held: they wait there.
func Later() [][]byte { return [][]byte{[]byte(waitingHost), []byte(waitingMail)} }

const later = `"spec_version":"2.1","created":"2025-07-03T07:20:00.000Z","modified":"2025-07-03T07:20:00.000Z","indicator_types":["malicious-activity"],` +
	`"pattern_type":"stix","pattern_version":"2.1","valid_from":"2025-07-03T07:20:00Z","object_marking_refs":["` + string(stix.TLP2Green) + `"]`

const waitingHost = `{"type":"indicator","id":"indicator--7c0e5a91-2f4d-4b68-8e17-5a9d3c1b6f20",` + later +
	`,"name":"Host that hands out the second stage","description":"Seen at two customers, who have not been asked yet: hence the wait.",` +
	`"confidence":60,"pattern":"[domain-name:value = 'cdn.quay-ledger.example']"}`

const waitingMail = `{"type":"indicator","id":"indicator--e4b8d2f6-9a37-4c50-b1e8-60f7a2d4c931",` + later +
	`,"name":"Sender of the lure of early July","confidence":75,"pattern":"[email-addr:value = 'invoices@quay-ledger.example']"}`

// Getenv returns the passwords that Exchange names.
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
  - {name: partner, title: Another member state}
accounts:
  - {name: vendor, party: vendor, password_env: DEMO_VENDOR}
  - {name: agency, party: agency, password_env: DEMO_AGENCY}
  - {name: member, party: member, password_env: DEMO_MEMBER}
  - {name: partner, party: partner, password_env: DEMO_PARTNER}
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
    accept: {max_tlp: amber+strict, default_tlp: green, keep_refused: 30d}
    release:
      - {to: members, max_tlp: green%s, feedback: {types: [sighting, opinion], as: anonymous}}
  - name: members
    title: Agency to members
    description: What the agency passes to every member, up to TLP:GREEN
    api_root: allies
    collection: {id: ` + MembersID + `, alias: members}
    parties:
      - {party: agency, roles: [producer, consumer, auditor]}
      - {party: member, roles: [consumer]}
      - {party: partner, roles: [consumer]}
    term: {from: 2024-01-01}
    accept: {max_tlp: green, default_tlp: green}
`
