package pattern

import (
	"fmt"
	"net/netip"
	"strings"
)

// address checks a set operator (rule S-322): its constant is an address or a CIDR block, and its path leads to the value of
// an ipv4-addr or ipv6-addr. The path has been walked; c.walk knows where it ended.
func (c *checker) address(t *Test) {
	v := &t.Values[0]
	text := v.Content()
	four, zone, ok := parseAddress(text)
	if !ok {
		c.refuse(ruleAddress, v.Offset, fmt.Sprintf("found %s; %s wants an IPv4 or IPv6 address or CIDR block such as '198.51.100.0/24'", clip(v.Text), t.Operator))
		return
	}
	if zone {
		c.warn(ruleAddress, v.Offset, fmt.Sprintf("found a zone in %s, which means something on one host only", clip(v.Text)))
	}
	to4, to6 := c.walk.reaches(catalogue().ipv4Value), c.walk.reaches(catalogue().ipv6Value)
	switch {
	case !to4 && !to6:
		if c.walk.unknown() {
			if !c.full() {
				c.warn(ruleAddress, t.Path.Offset, fmt.Sprintf("found %s with %s, which speaks of addresses; whether the path ends in one is not known", clip(t.Path.String()), t.Operator))
			}
			return
		}
		if c.errors < c.opts.Findings {
			c.refuse(ruleAddress, t.Path.Offset, fmt.Sprintf("found %s with %s, which speaks of addresses: the path ends in the value of an ipv4-addr or ipv6-addr", clip(t.Path.String()), t.Operator))
		}
	case four && !to4:
		c.refuse(ruleAddress, v.Offset, fmt.Sprintf("found the IPv4 address %s for the value of an ipv6-addr", clip(v.Text)))
	case !four && !to6:
		c.refuse(ruleAddress, v.Offset, fmt.Sprintf("found the IPv6 address %s for the value of an ipv4-addr", clip(v.Text)))
	}
}

// parseAddress reads an address or CIDR block. Host bits after the prefix are allowed, leading zeros are not.
func parseAddress(s string) (four, zone, ok bool) {
	host, bits, block := strings.Cut(s, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false, false, false
	}
	zone = addr.Zone() != ""
	if block {
		if _, err := netip.ParsePrefix(addr.WithZone("").String() + "/" + bits); err != nil {
			return false, false, false
		}
	}
	return addr.Is4(), zone, true
}
