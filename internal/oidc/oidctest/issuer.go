package oidctest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an issuer on the loopback address.
type Issuer struct {
	URL string
	t   testing.TB

	mu     sync.Mutex
	down   bool                      // guarded by mu, as the following
	asked  int                       // for keys
	keys   []Key                     // that it publishes
	person map[string]any            // claims of who logs in
	nonce  string                    // in the next ID token, instead of the one that was asked for
	codes  map[string]pendingAttempt // by code
	secret string
}

type pendingAttempt struct {
	client, redirect, nonce, challenge string
}

// Key is a key of an issuer.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

// New starts an issuer with one key for RS256, which ends with the test.
func New(t testing.TB) *Issuer {
	i := &Issuer{t: t, codes: map[string]pendingAttempt{}, keys: []Key{NewKey(t, "first", jose.RS256)}, secret: "its-client-secret"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.configuration)
	mux.HandleFunc("GET /keys", i.publish)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.exchange)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	i.URL = srv.URL
	return i
}

// NewKey draws a key.
func NewKey(t testing.TB, id string, algorithm jose.SignatureAlgorithm) Key {
	t.Helper()
	k, err := Key{ID: id, Algorithm: algorithm}, error(nil)
	switch algorithm {
	case jose.ES256:
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	default:
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Secret is the secret of the issuer's one client.
func (i *Issuer) Secret() string { return i.secret }

// Key returns the key that the issuer published first.
func (i *Issuer) Key() Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[0]
}

// Publish replaces the keys that the issuer publishes.
func (i *Issuer) Publish(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Down has the issuer answer nothing, or everything again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Asked returns how often the issuer was asked for its keys.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// Person sets who logs in: claims of ID tokens, sub among them.
func (i *Issuer) Person(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.person = claims
}

// Nonce sets the nonce of the ID tokens that follow, instead of the one that was asked for.
func (i *Issuer) Nonce(nonce string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.nonce = nonce
}

// Sign signs claims with a key, under a type.
func (k Key) Sign(t testing.TB, kind string, claims map[string]any) string {
	t.Helper()
	options := new(jose.SignerOptions).WithType(jose.ContentType(kind))
	if k.ID != "" {
		options = options.WithHeader("kid", k.ID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.Algorithm, Key: k.Private}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// Claims returns those of an access token that is in order, changed by with; a nil value takes a claim out.
func (i *Issuer) Claims(subject, audience string, now time.Time, with map[string]any) map[string]any {
	claims := map[string]any{"iss": i.URL, "sub": subject, "client_id": subject, "aud": audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
	for name, value := range with {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// up reports whether the issuer answers.
func (i *Issuer) up(w http.ResponseWriter) bool {
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
	}
	return !i.down
}

func (i *Issuer) configuration(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.up(w) {
		i.write(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token"})
	}
}

func (i *Issuer) publish(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if !i.up(w) {
		return
	}
	// Keys of other uses, and the same name twice, are what real issuers publish too.
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.keys[0].Private.Public(), KeyID: "enc", Use: "enc"}}}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
	}
	i.write(w, set)
}

func (i *Issuer) write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		i.t.Error(err)
	}
}

// authorize logs in the person at once, and sends the browser back.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q := r.URL.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		i.t.Errorf("the login has no PKCE: %v", q)
	}
	code := rand.Text()
	i.codes[code] = pendingAttempt{client: q.Get("client_id"), redirect: q.Get("redirect_uri"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge")}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}.Encode(), http.StatusFound)
}

// exchange gives the tokens for a code, once; or an access token for the client itself.
func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.up(w) {
		return
	}
	client, secret, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	begun, known := i.codes[code]
	delete(i.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if r.PostFormValue("grant_type") != "authorization_code" || !known || client != begun.client || secret != i.secret || r.PostFormValue("redirect_uri") != begun.redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != begun.challenge {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": i.URL, "aud": client, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": begun.nonce}
	if i.nonce != "" {
		claims["nonce"] = i.nonce
	}
	for name, value := range i.person {
		claims[name] = value
	}
	i.write(w, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": i.keys[0].Sign(i.t, "JWT", claims)})
}
