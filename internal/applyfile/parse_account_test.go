package applyfile

import (
	"strings"
	"testing"
)

const accountsHead = `parties: [{name: vendor}]
accounts:
`

func TestIdentitiesAndBoundsOfAccounts(t *testing.T) {
	f, err := Parse("x.yaml", []byte(accountsHead+`  - {name: feed, party: vendor, oidc: {issuer: "https://id.example/realm", subject: "7f0", client_id: feed, scope: taxii},
     networks: [192.0.2.7, 2001:db8::/32], require: both, expires: 2027-01-31, manager: true}
  - {name: readers, party: vendor, oidc: {issuer: "http://127.0.0.1:8080", claim: {name: groups, value: cti}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Steps[1].Registry.Account
	if a.OIDC == nil || a.OIDC.Issuer != "https://id.example/realm" || a.OIDC.Subject != "7f0" || a.OIDC.ClientID != "feed" || a.OIDC.Scope != "taxii" ||
		len(a.Networks) != 2 || a.Networks[0].String() != "192.0.2.7/32" || !a.Both || !a.Manages || a.Expires.Format("2006-01-02") != "2027-01-31" || a.ReadOnly() {
		t.Errorf("account %+v, %+v", a, a.OIDC)
	}
	if r := p.Steps[2].Registry.Account; !r.ReadOnly() || r.OIDC.Claim != "groups" || r.OIDC.Value != "cti" {
		t.Errorf("account %+v", r)
	}
}

func TestIdentitiesAndBoundsThatCannotBe(t *testing.T) {
	for _, tc := range []struct{ account, want string }{
		{`oidc: {issuer: "http://id.example", subject: x}`, "not https"},
		{`oidc: {issuer: "https://id.example?x=y", subject: x}`, "without user, query and fragment"},
		{`oidc: {subject: x}`, "issuer is missing"},
		{`oidc: {issuer: "https://id.example"}`, "subject is missing"},
		{`oidc: {issuer: "https://id.example", subject: x, claim: {name: a, value: b}}`, "both a subject and a claim"},
		{`oidc: {issuer: "https://id.example", claim: {name: a}}`, "one of them is missing"},
		{`oidc: {issuer: "https://id.example", claim: {name: a, value: b}, scope: c}`, "for tokens of programs"},
		{`oidc: {issuer: "https://id.example", claim: {name: a, value: b}}, operator: true`, "neither an operator nor a manager"},
		{`oidc: {issuer: "https://id.example", claim: {name: a, value: b}}, manager: true`, "neither an operator nor a manager"},
		{`oidc: {issuer: "https://id.example", claim: {name: a, value: b}}, password_env: X`, "no password and no certificate"},
		{`networks: [192.0.2.7/24]`, "want 192.0.2.0/24"},
		{`networks: [everywhere]`, "neither an address nor a network"},
		{`require: all`, "want both"},
		{`expires: tomorrow`, "expires"},
		{`operator: true, manager: true`, "is no operator"},
	} {
		_, err := Parse("x.yaml", []byte(accountsHead+"  - {name: feed, party: vendor, "+tc.account+"}\n"))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "x.yaml:3") {
			t.Errorf("%s: %v, want %q on line 3", tc.account, err, tc.want)
		}
	}
	f, err := Parse("x.yaml", []byte(accountsHead+`  - {name: a, party: vendor, oidc: {issuer: "https://id.example", subject: x}}
  - {name: b, party: vendor, oidc: {issuer: "https://id.example", subject: x, scope: y}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPlan(nil, f); err == nil || !strings.Contains(err.Error(), "want each with one account") {
		t.Errorf("two accounts of one subject: %v", err)
	}
}
