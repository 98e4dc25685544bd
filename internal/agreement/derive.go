package agreement

import (
	"crypto/hmac"
	"crypto/sha256"
	"strings"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/stix"
)

// Namespace returns the secret namespace in which an agreement with the key derives identifiers.
func Namespace(key []byte) (ns uuid.UUID) {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("identifiers\x00"))
	copy(ns[:], mac.Sum(nil))
	return ns
}

// DerivedID returns the identifier that a copy has in the place of the original's: a UUIDv5 in the agreement's secret namespace. It
// is the same for every version and every target. Without the namespace it can neither be computed nor guessed back. See
// doc/decisions/0030.
func DerivedID(namespace uuid.UUID, id stix.ID) stix.ID {
	return stix.ID(id.Type() + "--" + uuid.NewSHA1(namespace, []byte("object\x00"+id)).String())
}

// ActingIdentity returns the identifier of the identity under which copies go that name their agreement as author.
func ActingIdentity(namespace, collection uuid.UUID) stix.ID {
	return stix.ID("identity--" + uuid.NewSHA1(namespace, append([]byte("agreement\x00"), collection[:]...)).String())
}

// KeepsID reports whether an object keeps its identifier in a release that hides authors: a published marking means what it
// says by its identifier, and so does one that the release names; an extension definition is named by property names.
func (r Release) KeepsID(id stix.ID) bool {
	switch id.Type() {
	case "extension-definition":
		return true
	case "marking-definition":
		return !NeedsDefinition(id) || r.NamesMarking(id)
	}
	return false
}

// NamesMarking reports whether the release carries a marking that it names by its identifier.
func (r Release) NamesMarking(id stix.ID) bool {
	for _, word := range r.Markings.carried() {
		if strings.EqualFold(word, string(id)) {
			return true
		}
	}
	return false
}
