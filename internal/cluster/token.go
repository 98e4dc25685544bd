package cluster

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// token is what a node joins with: where the cluster is, how to know it, and a secret that is good for one node.
type token struct {
	Addresses []string `json:"a"`
	Authority []byte   `json:"c"` // SHA-256 of the cluster's authority
	Secret    []byte   `json:"s"`

	// Keys are those of the members at the addresses, as members have them: the authority's key is also had by nodes that were removed.
	// Tokens of older programs have none.
	Keys [][]byte `json:"k,omitempty"`
}

// add adds where a member is.
func (t *token) add(address string, key []byte) {
	t.Addresses, t.Keys = append(t.Addresses, address), append(t.Keys, key)
}

// keyAt returns the key of the member at one of the addresses; nil: the token does not say.
func (t *token) keyAt(i int) []byte {
	if len(t.Keys) == 0 {
		return nil
	}
	return t.Keys[i]
}

const tokenPrefix = "accord-join-"

func (t *token) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // strings and bytes
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(text)
}

var errToken = errors.New("that is no token of accord cluster invite: copy it whole, from accord-join- on")

func parseToken(text string) (*token, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	if !ok {
		return nil, errToken
	}
	decoded, err := base64.RawURLEncoding.DecodeString(rest)
	if err != nil {
		return nil, errToken
	}
	t := &token{}
	if err := json.Unmarshal(decoded, t); err != nil || len(t.Addresses) == 0 || len(t.Authority) != 32 || len(t.Secret) != 32 {
		return nil, errToken
	}
	if n := len(t.Keys); n > 0 && n != len(t.Addresses) || slices.ContainsFunc(t.Keys, func(key []byte) bool { return len(key) != sha256.Size }) {
		return nil, errToken
	}
	return t, nil
}
