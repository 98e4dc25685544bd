package serve

import "testing"

func TestHostsThatMeanThisServer(t *testing.T) {
	for _, row := range []struct {
		name, listen, public string
		behindProxy          bool
		yes, no              []string
	}{
		{"on loopback", "127.0.0.1:6100", "", false, []string{"127.0.0.1:6100", "localhost:6100", "[::1]:6100", "LOCALHOST", "localhost.", "", "192.0.2.1"}, []string{"evil.example", "evil.example:6100", "localhost.evil.example"}},
		{"with a public URL", ":6443", "https://taxii.example:8443/x", false, []string{"taxii.example", "TAXII.example:8443", "192.0.2.1:6443", "localhost"}, []string{"evil.example", "a.taxii.example"}},
		{"behind a proxy with a public URL", "127.0.0.1:6100", "https://taxii.example", true, []string{"taxii.example", "127.0.0.1:6100"}, []string{"evil.example"}},
		{"behind a proxy of unknown name", "127.0.0.1:6100", "", true, []string{"any.example"}, nil},
		{"everywhere, by unknown names", ":6443", "", false, []string{"any.example"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &Config{PublicURL: row.public, Transport: Transport{Listen: row.listen, BehindProxy: row.behindProxy}}
			serves := c.servesHost()
			for _, host := range row.yes {
				if serves != nil && !serves(host) {
					t.Errorf("%q: got no, want yes", host)
				}
			}
			for _, host := range row.no {
				if serves == nil || serves(host) {
					t.Errorf("%q: got yes, want no", host)
				}
			}
		})
	}
}

func TestTheOperationsListenerBeyondLoopbackMustBeAskedFor(t *testing.T) {
	for _, row := range []struct {
		listen  string
		exposed bool
		ok      bool
	}{{"127.0.0.1:0", false, true}, {"[::1]:0", false, true}, {":6480", false, false}, {"192.0.2.1:6480", false, false}, {":6480", true, true}, {"6480", true, false}} {
		c := &Config{Transport: Transport{Listen: "127.0.0.1:0", PlainHTTP: true}, Limits: DefaultLimits(), OperationsListen: row.listen, OperationsExposed: row.exposed}
		if err := c.Check(); (err == nil) != row.ok {
			t.Errorf("%s, exposed %t: got %v, want accepted: %t", row.listen, row.exposed, err, row.ok)
		}
	}
}
