package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/taxii"
)

// refused checks that an answer is a TAXII error resource of a status. T-016, T-030, T-035, T-036.
func refused(t *testing.T, s *accordtest.Server, a accordtest.Answer, status int) taxii.Error {
	t.Helper()
	if a.Status != status {
		t.Fatalf("got status %d, want %d\n%s", a.Status, status, a.Body)
	}
	if got := a.Header.Get("Content-Type"); got != taxii.MediaType {
		t.Errorf("got Content-Type %q, want %q", got, taxii.MediaType)
	}
	var e taxii.Error
	s.JSON(a, &e)
	if e.Title == "" || e.Description == "" || e.ErrorID == "" || e.ErrorID != a.Header.Get("X-Request-Id") {
		t.Errorf("got %+v with request id %s, want a title, a description and the request's id", e, a.Header.Get("X-Request-Id"))
	}
	if want := strconv.Itoa(status); e.HTTPStatus != want {
		t.Errorf("got http_status %q, want %q", e.HTTPStatus, want)
	}
	return e
}

// T-021, T-022, T-023, T-024: whatever else is wrong with a request, without acceptable credentials it gets 401 and the
// challenges.
func TestWithoutGoodCredentialsEverythingIs401(t *testing.T) {
	s := accordtest.New(t)
	paths := []string{"/taxii2/", "/nicp/", "/nicp/collections/", accordtest.Path("gsp"), accordtest.Path("gsp") + "objects/?limit=0",
		accordtest.Path("gsp") + "manifest/", "/nicp/status/x/", "/no/such/thing/at/all", "/"}
	accounts := []string{accordtest.Vendor, accordtest.Agency, accordtest.Member, accordtest.Outsider, accordtest.Operator, "nobody"}
	for name, header := range map[string]http.Header{
		"no header":         nil,
		"a wrong password":  {},
		"an unknown scheme": {"Authorization": {"Digest username=vendor"}},
		"an unknown token":  {"Authorization": {"Bearer accord_nothing"}},
		"broken base64":     {"Authorization": {"Basic !!!"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, path := range paths {
				for j, method := range []string{"GET", "POST", "DELETE", "PUT"} {
					if name == "a wrong password" { // of another account each time: more than ten for one are slowed down
						user := accounts[(4*i+j)%len(accounts)]
						header = http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":wrong"))}}
					}
					a := s.Do(accordtest.Request{Method: method, Path: path, Accept: "text/html", Header: header, Body: bodyOf(method)})
					refused(t, s, a, 401)
					challenges := strings.Join(a.Header.Values("WWW-Authenticate"), " ")
					if !strings.Contains(challenges, "Basic ") || !strings.Contains(challenges, "Bearer ") {
						t.Errorf("got challenges %q, want Basic and Bearer", challenges)
					}
				}
			}
		})
	}
}

func bodyOf(method string) []byte {
	if method == "POST" || method == "PUT" {
		return []byte("not json")
	}
	return nil
}

// T-023: a scheme is known in any case; a token may stand as a password.
func TestSchemesAreKnownInAnyCase(t *testing.T) {
	s := accordtest.New(t)
	const basic = "dmVuZG9yOnZlbmRvci1wYXNzd29yZA=="
	for _, value := range []string{"Basic " + basic, "basic " + basic, "BASIC " + basic} {
		a := s.Do(accordtest.Request{Path: "/taxii2/", Header: http.Header{"Authorization": {value}}})
		if a.Status != 200 {
			t.Errorf("%s: got %d, want 200", value[:5], a.Status)
		}
	}
}

// T-022, T-023: a token is worth its account by Bearer, Token and as a Basic password, until it is revoked; a disabled
// account is refused from the next request on.
func TestTokensAndDisabledAccounts(t *testing.T) {
	s := accordtest.New(t)
	change := func(edit func(*auth.Account)) {
		t.Helper()
		account, _ := s.Store.Registry().Account(accordtest.Agency)
		edit(&account)
		if err := s.Store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Account: &account, Act: "change"}}); err != nil {
			t.Fatal(err)
		}
	}
	plain, token := auth.NewToken(time.Now(), "for a test")
	ask := func(value string) int {
		return s.Do(accordtest.Request{Path: accordtest.Path("gsp") + "objects/", Header: http.Header{"Authorization": {value}}}).Status
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(accordtest.Agency+":"+plain))
	other := "Basic " + base64.StdEncoding.EncodeToString([]byte(accordtest.Vendor+":"+plain))
	change(func(a *auth.Account) { a.Tokens = []auth.Token{token} })
	for value, want := range map[string]int{"Bearer " + plain: 200, "token " + plain: 200, "TOKEN " + plain: 200, basic: 200, other: 401, "Bearer " + plain + "x": 401} {
		if got := ask(value); got != want {
			t.Errorf("%.12s...: got %d, want %d", value, got, want)
		}
	}
	change(func(a *auth.Account) { a.Tokens = nil })
	if got := ask("Bearer " + plain); got != 401 {
		t.Errorf("revoked: got %d, want 401", got)
	}
	if got := s.Get("agency", "/taxii2/").Status; got != 200 {
		t.Errorf("its password: got %d, want 200", got)
	}
	change(func(a *auth.Account) { a.Disabled = true })
	refused(t, s, s.Get("agency", "/taxii2/"), 401)
}

// T-005: a client certificate that was verified is its account's credentials; an Authorization header wins over it.
func TestAClientCertificateIsEnough(t *testing.T) {
	s := accordtest.New(t)
	member, _ := s.Store.Registry().Account(accordtest.Member)
	member.Certificates = []string{"CN=feed,O=Member State"}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	draft := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Member CA"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, draft, draft, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	party, _ := s.Store.Registry().Party(accordtest.Member)
	party.ClientCA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	if err := s.Store.Change(t.Context(), store.Actor{}, []store.RegistryChange{{Account: &member, Act: "change"}, {Party: &party, Act: "change"}}); err != nil {
		t.Fatal(err)
	}
	ask := func(name string, verified bool, header http.Header) int {
		cert := &x509.Certificate{Raw: []byte(name), NotAfter: time.Now().Add(time.Hour), Subject: pkix.Name{CommonName: name, Organization: []string{"Member State"}}}
		r := httptest.NewRequest("GET", "http://127.0.0.1/members/collections/circle/", nil)
		r.Header = header
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}}
		if verified {
			r.TLS.VerifiedChains = [][]*x509.Certificate{{cert, issuer}}
		}
		w := httptest.NewRecorder()
		s.TAXII.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if got := ask("feed", true, http.Header{}); got != 200 {
		t.Errorf("the account's certificate: got %d, want 200", got)
	}
	if got := ask("feed", false, http.Header{}); got != 401 {
		t.Errorf("the same one, not verified: got %d, want 401", got)
	}
	if got := ask("food", true, http.Header{}); got != 401 {
		t.Errorf("another certificate: got %d, want 401", got)
	}
	if got := ask("feed", true, http.Header{"Authorization": {"Bearer accord_wrong"}}); got != 401 {
		t.Errorf("beside a wrong token: got %d, want 401", got)
	}
}

// T-028, T-007.
func TestUserAgentIsNotAskedForAndDateIsSent(t *testing.T) {
	s := accordtest.New(t)
	a := s.Do(accordtest.Request{As: "vendor", Path: "/taxii2/", Header: http.Header{"User-Agent": {""}}})
	if a.Status != 200 || a.Header.Get("Date") == "" {
		t.Errorf("got %d with Date %q, want 200 with one", a.Status, a.Header.Get("Date"))
	}
}

// T-029: of several faults the one that is judged first is answered. Each row mends the fault of the row before.
func TestChecksComeInTheirOrder(t *testing.T) {
	s := accordtest.New(t)
	small, big := accordtest.Path("circle"), make([]byte, accordtest.SmallBody+1)
	for _, row := range []struct {
		name   string
		r      accordtest.Request
		status int
	}{
		{"authentication before the method", accordtest.Request{Method: "PUT", Accept: "text/html", Path: "/nowhere/collections/x/objects/?limit=0", Body: big}, 401},
		{"the method before Accept", accordtest.Request{As: "member", Method: "PUT", Accept: "text/html", Path: "/nowhere/collections/x/objects/?limit=0", Body: big}, 405},
		{"Accept before existence", accordtest.Request{As: "member", Method: "POST", Accept: "text/html", Path: "/nowhere/collections/x/objects/?%zz", ContentType: "text/plain", Body: big}, 406},
		{"existence before permission", accordtest.Request{As: "member", Method: "POST", Path: "/members/collections/x/objects/?%zz", ContentType: "text/plain", Body: big}, 404},
		{"permission before Content-Type", accordtest.Request{As: "member", Method: "POST", Path: small + "objects/?%zz", ContentType: "text/plain", Body: big}, 403},
		{"Content-Type before size", accordtest.Request{As: "agency", Method: "POST", Path: small + "objects/?%zz", ContentType: "text/plain", Body: big}, 415},
		{"size before parameters", accordtest.Request{As: "agency", Method: "POST", Path: small + "objects/?%zz", Body: big}, 413},
		{"parameters before the body", accordtest.Request{As: "agency", Method: "POST", Path: small + "objects/?%zz", Body: []byte("x")}, 400},
		{"the body last", accordtest.Request{As: "agency", Method: "POST", Path: small + "objects/", Body: []byte("x")}, 422},
		{"permission before parameters", accordtest.Request{As: "agency", Path: accordtest.Path("tomorrow") + "objects/?limit=0"}, 403},
	} {
		t.Run(row.name, func(t *testing.T) { refused(t, s, s.Do(row.r), row.status) })
	}
}

// T-026, T-027, T-053, T-057, T-102, T-111: what each role may do, and how it is told.
func TestRightsOfEachRole(t *testing.T) {
	s := accordtest.New(t)
	s.Post("agency", accordtest.Path("intake"), accordtest.Indicator(1, 0))
	for _, row := range []struct {
		who, agreement         string
		see, read, add, remove int
		canRead, canWrite      bool
	}{
		{who: "vendor", agreement: "gsp", see: 200, read: 200, add: 202, remove: 404, canRead: true, canWrite: true},
		{who: "agency", agreement: "gsp", see: 200, read: 200, add: 403, remove: 403, canRead: true},
		{who: "vendor", agreement: "intake", see: 200, read: 403, add: 202, remove: 403, canWrite: true},
		{who: "member", agreement: "watch", see: 200, read: 403, add: 403, remove: 404},
		{who: "member", agreement: "tomorrow", see: 200, read: 403, add: 403, remove: 404},
		{who: "agency", agreement: "tomorrow", see: 200, read: 403, add: 403, remove: 404},
		{who: "member", agreement: "gsp", see: 404, read: 404, add: 404, remove: 404},
		{who: "outsider", agreement: "circle", see: 404, read: 404, add: 404, remove: 404},
		{who: "root", agreement: "gsp", see: 200, read: 200, add: 403, remove: 403, canRead: true},
	} {
		t.Run(row.who+" in "+row.agreement, func(t *testing.T) {
			path := accordtest.Path(row.agreement)
			object := path + "objects/" + accordtest.IndicatorID(7000) + "/"
			see := s.Get(row.who, path)
			if see.Status != row.see {
				t.Errorf("collection: got %d, want %d", see.Status, row.see)
			}
			if see.Status == 200 {
				var c taxii.Collection
				s.JSON(see, &c)
				if c.CanRead != row.canRead || c.CanWrite != row.canWrite {
					t.Errorf("got can_read %v, can_write %v, want %v, %v", c.CanRead, c.CanWrite, row.canRead, row.canWrite)
				}
			}
			for _, list := range []string{path + "objects/", path + "manifest/"} {
				if a := s.Get(row.who, list); a.Status != row.read {
					t.Errorf("%s: got %d, want %d", list, a.Status, row.read)
				}
			}
			byID := row.read
			if byID == 200 {
				byID = 404 // there is no such object
			}
			for _, list := range []string{object, object + "versions/"} {
				if a := s.Get(row.who, list); a.Status != byID {
					t.Errorf("%s: got %d, want %d", list, a.Status, byID)
				}
			}
			if a := s.Do(accordtest.Request{As: row.who, Method: "DELETE", Path: object}); a.Status != row.remove {
				t.Errorf("delete: got %d, want %d\n%s", a.Status, row.remove, a.Body)
			}
			if a := s.Post(row.who, path, accordtest.Indicator(1, 0)); a.Status != row.add {
				t.Errorf("add: got %d, want %d\n%s", a.Status, row.add, a.Body)
			}
		})
	}
}

// An unknown collection and one that the caller has no role in cannot be told apart. T-027.
func TestWhatIsHiddenLooksLikeWhatIsNotThere(t *testing.T) {
	s := accordtest.New(t)
	hidden := refused(t, s, s.Get("member", "/nicp/collections/gsp/objects/"), 404)
	absent := refused(t, s, s.Get("member", "/nicp/collections/gap/objects/"), 404)
	if strings.ReplaceAll(hidden.Description, "gsp", "gap") != absent.Description || hidden.ErrorCode != absent.ErrorCode {
		t.Errorf("hidden: %q\nabsent: %q", hidden.Description, absent.Description)
	}
}

// An API root with reveal answers 403 where another answers 404.
func TestARevealingRootAnswers403(t *testing.T) {
	s := accordtest.New(t, accordtest.WithRoot(store.Root{Name: "nicp", Title: "Open", MaxContentLength: 1 << 20, Reveal: true}))
	for _, path := range []string{"", "objects/", "manifest/"} {
		refused(t, s, s.Get("outsider", accordtest.Path("gsp")+path), 403)
	}
	refused(t, s, s.Post("outsider", accordtest.Path("gsp"), accordtest.Indicator(1, 0)), 403)
	refused(t, s, s.Get("outsider", "/nicp/collections/nothing/objects/"), 404)
	refused(t, s, s.Do(accordtest.Request{As: "outsider", Method: "DELETE", Path: accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/"}), 404) // T-111
}
