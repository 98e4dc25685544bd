package applyfile

import (
	"net/netip"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/auth"
)

// identity reads who an account is to another issuer.
func (e entry) identity(n *yaml.Node, set **auth.Identity) {
	id := &auth.Identity{}
	if !e.mapping(n, "oidc",
		e.words("oidc.issuer", &id.Issuer), e.words("oidc.subject", &id.Subject), e.words("oidc.client_id", &id.ClientID), e.words("oidc.scope", &id.Scope),
		e.at("oidc.claim", func(n *yaml.Node) {
			e.mapping(n, "claim", e.words("oidc.claim.name", &id.Claim), e.words("oidc.claim.value", &id.Value))
		})) {
		return
	}
	if err := id.Check(); err != nil {
		e.add(n.Line, "oidc: %v", err)
		return
	}
	*set = id
}

// networks reads addresses and networks.
func (e entry) networks(n *yaml.Node, set *[]netip.Prefix) {
	e.list(n, "networks", func(n *yaml.Node) {
		s, ok := e.oneLine(n, "a network")
		if !ok {
			return
		}
		if address, err := netip.ParseAddr(s); err == nil && address.Zone() == "" {
			*set = append(*set, netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()))
			return
		}
		network, err := netip.ParsePrefix(s)
		switch {
		case err != nil:
			e.add(n.Line, "networks: %q is neither an address nor a network such as 192.0.2.0/24", s)
		case network.Masked() != network:
			e.add(n.Line, "networks: %q has bits beyond its length, want %s", s, network.Masked())
		default:
			*set = append(*set, network)
		}
	})
}

// checkAccount reports bounds of an account that contradict each other.
func (e entry) checkAccount(a *accountEntry) {
	if a.manager && (a.operator || a.party == "") {
		e.add(e.marks.line("manager"), "the account %s manages the accounts of its party, so it has a party and is no operator", a.name)
	}
	if a.oidc == nil || a.oidc.Claim == "" {
		return
	}
	if a.operator || a.manager {
		e.add(e.marks.line("oidc"), "the account %s is given by a claim of another issuer, so it only reads and audits: it is neither an operator nor a manager", a.name)
	}
	if a.namesPassword() || a.passwordHash != "" || len(a.certificates) > 0 || a.both {
		e.add(e.marks.line("oidc"), "the account %s is given by a claim of another issuer, to several people: it has no password and no certificate", a.name)
	}
}
