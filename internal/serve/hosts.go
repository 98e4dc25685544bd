package serve

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// servesHost returns what decides whether a Host header means this server, or nil if its names are not known: then it
// has no public URL, and listens beyond loopback or behind a proxy. A browser can be made to reach a server by a name that
// its owner does not know, but not by an address that it is not at: addresses always count.
func (c *Config) servesHost() func(host string) bool {
	listen, _, err := net.SplitHostPort(c.Transport.Listen)
	if err != nil {
		return nil // Check has refused it
	}
	loopback := isLoopback(listen)
	if c.PublicURL == "" && (!loopback || c.Transport.BehindProxy) {
		return nil
	}
	names := map[string]bool{strings.ToLower(listen): true}
	if loopback || listen == "" {
		names["localhost"] = true
	}
	for _, known := range []string{c.PublicURL, c.Console.URL} {
		if u, err := url.Parse(known); err == nil {
			names[strings.ToLower(u.Hostname())] = true
		}
	}
	if own, _, err := net.SplitHostPort(c.Console.Listen); err == nil && own != "" {
		names[strings.ToLower(own)] = true
		if isLoopback(own) {
			names["localhost"] = true
		}
	}
	return func(host string) bool {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if _, err := netip.ParseAddr(host); err == nil || host == "" {
			return true
		}
		return names[strings.ToLower(strings.TrimSuffix(host, "."))]
	}
}
