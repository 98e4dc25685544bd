package oidctest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/accord-taxii/accord/internal/oidc/oidctest"
)

// The whole way of a browser and of its server: the code is given for the challenge, once, and the ID token is the person's, signed
// by a key that is published.
func TestACodeIsGivenForItsVerifierOnce(t *testing.T) {
	i := oidctest.New(t)
	i.Person(map[string]any{"sub": "ann"})
	const verifier = "a-verifier-of-the-length-that-the-rfc-asks-for-0000"
	sum := sha256.Sum256([]byte(verifier))
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(i.URL + "/authorize?" + url.Values{"response_type": {"code"}, "client_id": {"console"}, "redirect_uri": {"http://127.0.0.1/back"}, "state": {"s"}, "nonce": {"n"},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil || back.Query().Get("state") != "s" || back.Query().Get("iss") != i.URL {
		t.Fatalf("sent back to %v, %v", back, err)
	}
	ask := func(verifier string) (int, map[string]any) {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"http://127.0.0.1/back"}, "code_verifier": {verifier}}
		r, err := http.NewRequest(http.MethodPost, i.URL+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("console", i.Secret())
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer map[string]any
		json.NewDecoder(resp.Body).Decode(&answer)
		return resp.StatusCode, answer
	}
	status, answer := ask(verifier)
	token, _ := answer["id_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("the code gives %d %v", status, answer)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.Verify(i.Key().Private.Public())
	if err != nil || !strings.Contains(string(text), `"sub":"ann"`) || !strings.Contains(string(text), `"nonce":"n"`) || !strings.Contains(string(text), `"aud":"console"`) {
		t.Errorf("the ID token says %s, %v", text, err)
	}
	if status, answer := ask(verifier); status == http.StatusOK {
		t.Errorf("a second time the code gives %v", answer)
	}
}

// What a test asks to be wrong is wrong: keys that were replaced, an issuer that is down, claims that are taken out.
func TestWhatATestAsksFor(t *testing.T) {
	i := oidctest.New(t)
	get := func(path string) (int, string) {
		resp, err := http.Get(i.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, text := get("/.well-known/openid-configuration"); status != http.StatusOK || !strings.Contains(text, `"issuer":"`+i.URL+`"`) {
		t.Errorf("the configuration: %d %s", status, text)
	}
	if _, text := get("/keys"); !strings.Contains(text, `"kid":"first"`) || i.Asked() != 1 {
		t.Errorf("the keys, asked for %d times: %s", i.Asked(), text)
	}
	i.Publish(oidctest.NewKey(t, "second", jose.ES256))
	if _, text := get("/keys"); strings.Contains(text, `"kid":"first"`) || !strings.Contains(text, `"kid":"second"`) {
		t.Errorf("the keys after they were replaced: %s", text)
	}
	i.Down(true)
	if status, _ := get("/keys"); status != http.StatusServiceUnavailable {
		t.Errorf("an issuer that is down answers %d", status)
	}
}
