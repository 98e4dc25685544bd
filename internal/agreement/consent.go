package agreement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Consent says to whom the author of an object may be named. Objects say it as CISA's Automated Indicator Sharing (AIS) does, by
// a label or a marking; accept.consent says what those consent to that do not; a party may ask to be anonymous in all that it adds.
type Consent string

// The consents, from the widest.
const (
	ConsentEveryone Consent = "everyone"
	ConsentMembers  Consent = "members" // of the agreement that the object is added to; AIS says usg
	ConsentNone     Consent = "none"
)

var consents = []Consent{ConsentEveryone, ConsentMembers, ConsentNone}

// consentLabel begins the labels by which objects state their consent.
const consentLabel = "ais-consent-"

// parseConsent reads a consent as AIS writes it; "" for another word.
func parseConsent(word string) Consent {
	word = strings.ToLower(word)
	if word == "usg" {
		return ConsentMembers
	}
	if c := Consent(word); slices.Contains(consents, c) {
		return c
	}
	return ""
}

// narrower returns the narrower of two consents; "" is wider than any.
func narrower(a, b Consent) Consent {
	if slices.Index(consents, b) > slices.Index(consents, a) {
		return b
	}
	return a
}

// statedConsent returns the consent that an object itself states, and where; "" if it states none. Of several the narrowest counts.
// One that is not understood is none.
func statedConsent(o stix.Object, defs Definitions) (stated Consent, path string) {
	t := o.Tree
	see := func(c Consent, at string) {
		if narrower(stated, c) != stated {
			stated, path = c, at
		}
	}
	i := 0
	for item := range t.Items(t.Member(t.Root(), "labels")) {
		if word, is := strings.CutPrefix(strings.ToLower(t.Str(item)), consentLabel); is {
			word, _, _ = strings.Cut(word, "-") // everyone-cisa-proprietary
			see(cmp.Or(parseConsent(word), ConsentNone), fmt.Sprintf("/labels/%d", i))
		}
		i++
	}
	i = 0
	for item := range t.Items(t.Member(t.Root(), "object_marking_refs")) {
		if id, err := stix.ParseID(t.Str(item)); err == nil && NeedsDefinition(id) && defs != nil {
			if d, ok := defs(id); ok && d.Kind == MarkingAIS {
				see(d.Consent, fmt.Sprintf("/object_marking_refs/%d", i))
			}
		}
		i++
	}
	return stated, path
}

// ConsentOf returns to whom the author of an object may be named that a party added to the agreement.
func (a *Agreement) ConsentOf(o stix.Object, party PartyName, defs Definitions) Consent {
	stated, _ := statedConsent(o, defs)
	c := cmp.Or(stated, a.Accept.Consent, ConsentEveryone)
	if m, ok := a.Member(party); ok && m.Anonymous {
		c = ConsentNone
	}
	return c
}

// Consents lists the terms of the agreement from which consents follow; releases are judged anew when they change.
func (a *Agreement) Consents() (words []string) {
	if a.Accept.Consent != "" {
		words = append(words, string(a.Accept.Consent))
	}
	for _, m := range a.Parties {
		if m.Anonymous {
			words = append(words, "anonymous "+string(m.Party))
		}
	}
	return words
}

// namesAuthor reports whether an object tells who made it: by created_by_ref, or because it is an identity that no one else has
// described.
func namesAuthor(o stix.Object) bool {
	return o.Type == "identity" || o.Tree.Member(o.Tree.Root(), "created_by_ref") >= 0
}

// consent refuses an object whose author may be named to nobody and that names it, where members other than its own would read it.
func (s *submission) consent() (string, string) {
	if s.tlp || s.accept.Consent == "" || s.accept.Consent == ConsentNone || !namesAuthor(s.Object) {
		return "", ""
	}
	stated, path := statedConsent(s.Object, s.definitions)
	if stated != ConsentNone {
		return "", ""
	}
	return path, "the object says that its author consents to be named to nobody, and members of the agreement would read its name; leave created_by_ref out, or add it where accept.consent is none"
}

// readConsent reads an AIS marking as converters of STIX 1 write it.
func (d *Definition) readConsent(t *ijson.Tree, node int) {
	d.Kind = MarkingAIS
	d.Consent = cmp.Or(parseConsent(t.Str(t.Member(node, "consent"))), ConsentNone)
	for _, name := range []string{"tlp", "color"} {
		if level, err := stix.ParseTLP(t.Str(t.Member(node, name))); err == nil {
			d.TLP = max(d.TLP, level)
		}
	}
}
