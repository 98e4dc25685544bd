package webhook

import (
	"net/netip"
	"testing"
)

func TestAddressesThatAreNotPublic(t *testing.T) {
	for _, text := range []string{"127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1",
		"255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1",
		"ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:db8::1", "2001::1"} {
		if public(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as public", text)
		}
	}
	for _, text := range []string{"1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"} {
		if !public(netip.MustParseAddr(text)) {
			t.Errorf("%s does not count as public", text)
		}
	}
}

func TestAddressesOfReceivers(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://siem.example/accord": true, "https://siem.example:8443/a?b=c": true, "https://[2606:4700::1]/": true, "http://127.0.0.1:9000/": true, "http://localhost/x": true, "http://[::1]:9/": true,
		"http://siem.example/": false, "http://localhost.example/": false, "ftp://siem.example/": false, "https://": false, "https:///x": false, "https://u:p@siem.example/": false, "https://siem.example/#x": false,
		"siem.example": false, "": false, "https:siem.example": false, "file:///etc/passwd": false, "https://:443/": false,
	} {
		if err := CheckURL(text); (err == nil) != ok {
			t.Errorf("%q: got %v, want it to be taken: %v", text, err, ok)
		}
	}
}
