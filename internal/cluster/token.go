package cluster

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// token is what a node joins with: where the cluster is, how to know it, and a secret that is good for one node.
type token struct {
	Addresses []string `json:"a"`
	Authority []byte   `json:"c"` // SHA-256 of the cluster's authority
	Secret    []byte   `json:"s"`
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
	return t, nil
}
