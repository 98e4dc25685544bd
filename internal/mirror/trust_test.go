package mirror_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/mirror"
	"github.com/accord-taxii/accord/store"
)

// issuer issues certificates for a test.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	i := &issuer{t: t}
	draft := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	made := i.issue(draft)
	i.cert, i.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	i.pem = pemOf(i.cert.Raw)
	return i
}

// issue signs a draft: itself, while it has no certificate of its own.
func (i *issuer) issue(draft *x509.Certificate) tls.Certificate {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	parent, signer := i.cert, i.key
	if parent == nil {
		parent, signer = draft, key
	}
	der, err := x509.CreateCertificate(rand.Reader, draft, parent, &key.PublicKey, signer)
	if err != nil {
		i.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// leaf issues the certificate of a server on this machine, or of a client.
func (i *issuer) leaf(name string, until time.Time, usage x509.ExtKeyUsage) tls.Certificate {
	return i.issue(&x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{usage}})
}

func keyPEM(t *testing.T, c tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// The certificate of a remote server may change. What its new issuer is has to be said; until then nothing comes, and nothing is lost.
func TestACertificateThatChanges(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 12)...)
	first, second := newIssuer(t, "first"), newIssuer(t, "second")
	soon := time.Now().Add(time.Hour)
	var shown atomic.Pointer[tls.Certificate]
	show := func(c tls.Certificate) { shown.Store(&c) }
	show(first.leaf("server", soon, x509.ExtKeyUsageServerAuth))
	s := httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}}, nil
	}}
	s.StartTLS()
	t.Cleanup(s.Close)
	l := newLocal(t, s.URL+"/root/collections/"+testCollection+"/", func(a *agreement.Agreement) { a.Mirror.CA = first.pem })
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
	for _, row := range []struct {
		name string
		cert tls.Certificate
		ca   string // with which visits succeed
	}{
		{"another of the same issuer", first.leaf("server", soon, x509.ExtKeyUsageServerAuth), ""},
		{"one of another issuer", second.leaf("server", soon, x509.ExtKeyUsageServerAuth), second.pem},
		{"one that is over", second.leaf("server", time.Now().Add(-time.Minute), x509.ExtKeyUsageServerAuth), ""},
		{"one for clients", second.leaf("server", soon, x509.ExtKeyUsageClientAuth), ""},
		{"the first issuer's again", first.leaf("server", soon, x509.ExtKeyUsageServerAuth), first.pem},
	} {
		show(row.cert)
		n := len(p.there())
		p.add(false, versions(n, n+6)...)
		err := l.visit()
		if row.name == "another of the same issuer" {
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			wantSame(t, l, p)
			continue
		}
		if f := mirror.FaultOf(err); f == nil || f.Name != mirror.FaultCertificate || f.Advice == "" {
			t.Errorf("%s: got %v, want the fault %s", row.name, err, mirror.FaultCertificate)
		}
		if row.ca == "" {
			continue
		}
		l.change(func(a *agreement.Agreement) { a.Mirror.CA = row.ca })
		if err := l.visit(); err != nil {
			t.Fatalf("%s, once its issuer is known: %v", row.name, err)
		}
		wantSame(t, l, p)
	}
}

// A mirror logs in by client certificate. Without one that the server trusts it has a fault with advice.
func TestAClientCertificateLogsIn(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 12)...)
	trusted, stranger := newIssuer(t, "trusted"), newIssuer(t, "stranger")
	pool := x509.NewCertPool()
	pool.AddCert(trusted.cert)
	var asked atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := r.TLS.PeerCertificates[0].Subject.CommonName; name != "feed" {
			t.Errorf("the client is %q", name)
		}
		asked.Add(1)
		p.serve(w, r)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	t.Cleanup(s.Close)
	address := s.URL + "/root/collections/" + testCollection + "/"
	soon := time.Now().Add(time.Hour)
	l := newLocal(t, address, func(a *agreement.Agreement) { a.Mirror.CA = pemOf(s.Certificate().Raw) })
	use := func(c tls.Certificate, key string) {
		list := []store.Credential{{Name: store.CredentialName("copy", "mirror", address), Agreement: "copy", Secret: key}}
		if err := l.store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Credentials: &list}}); err != nil {
			t.Fatal(err)
		}
		l.change(func(a *agreement.Agreement) {
			a.Mirror.Login, a.Mirror.Shown = agreement.LoginCertificate, pemOf(c.Certificate[0])
		})
	}
	refused := func(what, name string) {
		t.Helper()
		f := mirror.FaultOf(l.visit())
		if f != nil && f.Name == mirror.FaultUnreachable && strings.Contains(f.Advice, "check certificate and key") {
			return // the request did not live to read why
		}
		if f == nil || f.Name != name || f.Advice == "" || asked.Load() > 0 {
			t.Errorf("%s: got %+v, want the fault %s", what, f, name)
		}
	}
	refused("without a certificate", mirror.FaultCertificate)
	other := stranger.leaf("feed", soon, x509.ExtKeyUsageClientAuth)
	use(other, keyPEM(t, other))
	refused("a stranger's certificate", mirror.FaultCertificate)
	over := trusted.leaf("feed", time.Now().Add(-time.Minute), x509.ExtKeyUsageClientAuth)
	use(over, keyPEM(t, over))
	refused("a certificate that is over", mirror.FaultCertificate)
	good := trusted.leaf("feed", soon, x509.ExtKeyUsageClientAuth)
	if _, err := mirror.NewVisit(l.col, keyPEM(t, good), func(string) {}); mirror.FaultOf(err) == nil || mirror.FaultOf(err).Name != mirror.FaultSetup {
		t.Errorf("the key of another certificate: got %v, want the fault %s", err, mirror.FaultSetup)
	}
	use(good, keyPEM(t, good))
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, l, p)
}

// The clock of a remote server may go back, and what it adds then bears an earlier date than what was taken before. All of it comes,
// once each, and the mirror says what is odd, until the clock has passed the old dates.
func TestAClockThatRunsBackward(t *testing.T) {
	for name, f := range map[string]faults{"a server": {}, "more without next": {noNext: true}, "no headers": {noHeaders: true}, "no headers, no next": {noHeaders: true, noNext: true}} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, f)
			now := p.clock
			tell := func(at time.Time) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.clock, p.date = at, at.Add(time.Minute)
			}
			l := newLocal(t, p.collection(), nil)
			visit := func(back, odd bool) {
				t.Helper()
				v := l.newVisit(func(string) {})
				if err := v.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if v.Back() != back || (v.Notice() != "") != odd {
					t.Errorf("went back %v, notice %q; want %v and one: %v", v.Back(), v.Notice(), back, odd)
				}
				wantSame(t, l, p)
			}
			tell(now)
			p.add(false, versions(0, 40)...)
			visit(false, false)
			tell(now.Add(-2 * time.Hour))
			p.add(false, versions(40, 65)...)
			visit(true, true)
			tell(now.Add(-time.Hour))
			p.add(false, versions(65, 80)...)
			visit(false, true)
			tell(now.Add(time.Hour))
			p.add(false, versions(80, 90)...)
			visit(false, false)
			commits := l.col.Commits()
			visit(false, false)
			if l.col.Commits() != commits {
				t.Error("a visit that found nothing wrote")
			}
		})
	}
}

// A manifest whose pages lead nowhere, or that is no manifest, takes nothing back.
func TestAManifestWithoutEnd(t *testing.T) {
	p := newPeer(t, faults{})
	p.add(false, versions(0, 25)...)
	l := newLocal(t, p.collection(), func(a *agreement.Agreement) { a.Mirror.Gone = agreement.GoneWithdraw })
	if err := l.visit(); err != nil {
		t.Fatal(err)
	}
	held := len(l.held())
	for name, row := range map[string]struct {
		fault faults
		want  string
	}{
		"pages in a circle": {faults{answer: constant(`{"more":true,"next":"a","objects":[]}`)}, mirror.FaultLoop},
		"no way on":         {faults{answer: constant(`{"more":true,"objects":[]}`)}, mirror.FaultLoop},
		"a list":            {faults{answer: constant(`[]`)}, mirror.FaultNotTAXII},
		"a page for people": {faults{answer: func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<p>"))
			return true
		}}, mirror.FaultLogin},
		"a refusal":             {faults{refuse: func(url.Values) int { return 500 }}, mirror.FaultStatus},
		"objects that are none": {faults{answer: constant(`{"objects":[1]}`)}, mirror.FaultNotTAXII},
	} {
		p.mu.Lock()
		p.faults = row.fault
		p.mu.Unlock()
		v := l.newVisit(func(string) {})
		for range 3 {
			_, err := v.Withdraw(t.Context(), nil)
			if f := mirror.FaultOf(err); f == nil || f.Name != row.want {
				t.Errorf("%s: got %v, want the fault %s", name, err, row.want)
			}
		}
		if n := len(l.held()); n != held {
			t.Errorf("%s: %d versions are left of %d", name, n, held)
		}
	}
}

// constant answers everything alike.
func constant(body string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
		w.Write([]byte(body))
		return true
	}
}
