package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/accord-taxii/accord/internal/auth"
)

const (
	keysFresh   = time.Minute      // for which keys are used without asking whether they still hold
	keysKept    = 24 * time.Hour   // for which keys are used of an issuer that does not answer
	retryAfter  = 5 * time.Second  // after a failure
	unknownGap  = 5 * time.Second  // between two look-ups of keys that are unknown
	askTime     = 5 * time.Second  // for an issuer's answer
	mostAnswer  = 1 << 20          // bytes of one
	mostKeys    = 100              // of an issuer
	leastRSA    = 2048             // bits
	clockLeeway = 30 * time.Second // that the clocks of issuer and server may differ
)

// algorithms are those of signatures that count: all of them are made with a private key that only the issuer has.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// metadata is what an issuer says of itself in its openid-configuration.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Keys          string   `json:"jwks_uri"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
}

// issuer is an issuer with its keys as they were when it was last asked. Requests ask it when they need to; no other goroutine does.
type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time
	tell   func(issuer string, err error)

	asking sync.Mutex // held while the issuer is asked

	mu      sync.Mutex
	said    metadata          // guarded by mu, as the following
	keys    []jose.JSONWebKey // none: never answered
	fetched time.Time         // when keys came
	failed  time.Time         // the last failure since then
	unknown time.Time         // the last look-up of an unknown key
}

// errKeys says that an issuer's keys are not to be had.
var errKeys = errors.New("the issuer's keys could not be fetched")

// state is what a request decides by.
type state struct {
	keys []jose.JSONWebKey
	age  time.Duration
	rest bool // the issuer failed a moment ago
}

func (i *issuer) state() state {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	return state{keys: i.keys, age: now.Sub(i.fetched), rest: !i.failed.IsZero() && now.Sub(i.failed) < retryAfter}
}

// refresh returns the issuer's keys. Those that are not fresh are asked for again, and go on to count for a while if the issuer does
// not answer.
func (i *issuer) refresh(ctx context.Context) ([]jose.JSONWebKey, error) {
	s := i.state()
	switch {
	case len(s.keys) == 0:
		i.asking.Lock() // everyone waits for the first answer
		if s = i.state(); len(s.keys) == 0 && !s.rest {
			i.ask(ctx)
		}
		i.asking.Unlock()
	case s.age > keysFresh && !s.rest && i.asking.TryLock(): // the others go on with what there is
		i.ask(ctx)
		i.asking.Unlock()
	}
	if s = i.state(); len(s.keys) == 0 || s.age > keysKept {
		return nil, errKeys
	}
	return s.keys, nil
}

// candidates returns the keys that a token with this key id and algorithm may be signed with. An unknown key id is looked up at once,
// but not often.
func (i *issuer) candidates(ctx context.Context, id string, algorithm jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	keys, err := i.refresh(ctx)
	found := fitting(keys, id, algorithm)
	if err != nil || len(found) > 0 || !i.mayLookUp() {
		return found, err
	}
	i.asking.Lock()
	i.ask(ctx)
	i.asking.Unlock()
	return fitting(i.state().keys, id, algorithm), nil
}

// mayLookUp reports whether an unknown key may be looked up now, and notes that it is.
func (i *issuer) mayLookUp() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if len(i.keys) == 0 || now.Sub(i.unknown) < unknownGap {
		return false
	}
	i.unknown = now
	return true
}

// fitting returns the keys that a signature may be of. A key that has an algorithm is for it alone.
func fitting(keys []jose.JSONWebKey, id string, algorithm jose.SignatureAlgorithm) (list []jose.JSONWebKey) {
	for _, k := range keys {
		if (id == "" || k.KeyID == id) && (k.Algorithm == "" || k.Algorithm == string(algorithm)) && signs(k.Key, algorithm) {
			list = append(list, k)
		}
	}
	return list
}

// signs reports whether a public key is of the kind that an algorithm needs.
func signs(key crypto.PublicKey, algorithm jose.SignatureAlgorithm) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= leastRSA && (strings.HasPrefix(string(algorithm), "RS") || strings.HasPrefix(string(algorithm), "PS"))
	case *ecdsa.PublicKey:
		return algorithm == map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[k.Curve.Params().BitSize]
	case ed25519.PublicKey:
		return algorithm == jose.EdDSA
	}
	return false
}

// ask asks the issuer for its configuration and its keys. The caller holds i.asking. It takes as long as askTime at most, and goes on
// if the request that needs it ends: others wait for it.
func (i *issuer) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	said, keys, err := i.fetch(ctx)
	if err != nil {
		i.tell(i.url, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil {
		i.failed = i.now()
		return
	}
	i.said, i.keys, i.fetched, i.failed = said, keys, i.now(), time.Time{}
}

func (i *issuer) fetch(ctx context.Context) (said metadata, keys []jose.JSONWebKey, err error) {
	if err := i.get(ctx, strings.TrimSuffix(i.url, "/")+"/.well-known/openid-configuration", &said); err != nil {
		return said, nil, err
	}
	if said.Issuer != i.url {
		return said, nil, fmt.Errorf("the configuration of %s is of the issuer %q", i.url, said.Issuer)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.get(ctx, said.Keys, &set); err != nil {
		return said, nil, err
	}
	for _, raw := range set.Keys[:min(len(set.Keys), mostKeys)] {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue // of another kind; a secret key, which everyone knows now, is none
		}
		if slices.ContainsFunc(algorithms, func(a jose.SignatureAlgorithm) bool { return signs(k.Key, a) }) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return said, nil, fmt.Errorf("the issuer %s has no key for signatures", i.url)
	}
	return said, keys, nil
}

func (i *issuer) get(ctx context.Context, at string, value any) error {
	if err := auth.CheckSecureURL(at); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", at, err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s", at, resp.Status)
	case len(text) > mostAnswer:
		return fmt.Errorf("%s answered with more than %d bytes", at, mostAnswer)
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("read %s: %w", at, err)
	}
	return nil
}

// configuration returns what the issuer says of itself.
func (i *issuer) configuration(ctx context.Context) (metadata, error) {
	if _, err := i.refresh(ctx); err != nil {
		return metadata{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.said, nil
}
