package stix

import (
	"fmt"
	"strings"
)

// TLP is a level of the Traffic Light Protocol, version 1.0 or 2.0, ordered from the least to the most restrictive. The
// zero TLP means no level.
type TLP uint8

// The levels. White of TLP 1.0 is Clear; AmberStrict exists in TLP 2.0 only.
const (
	Clear TLP = iota + 1
	Green
	Amber
	AmberStrict
	Red
)

var tlpNames = [...]string{Clear: "clear", Green: "green", Amber: "amber", AmberStrict: "amber+strict", Red: "red"}

// String returns the level's name in TLP 2.0, in lower case, or "" for no level.
func (l TLP) String() string {
	if int(l) < len(tlpNames) {
		return tlpNames[l]
	}
	return fmt.Sprintf("tlp(%d)", uint8(l))
}

// ParseTLP reads a level's name in any case, and TLP 1.0's white as clear. "" means no level.
func ParseTLP(s string) (TLP, error) {
	name := strings.ToLower(s)
	switch name {
	case "":
		return 0, nil
	case "white":
		return Clear, nil
	}
	for l := Clear; l <= Red; l++ {
		if tlpNames[l] == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%s is no TLP level, expected clear (white), green, amber, amber+strict or red", clip(s))
}

// MarshalText writes the level's name.
func (l TLP) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *TLP) UnmarshalText(b []byte) (err error) {
	*l, err = ParseTLP(string(b))
	return err
}

// The identifiers of the TLP marking definitions: four of TLP 1.0, fixed by STIX 2.1 section 7.2.1.4, and five of TLP
// 2.0, published by OASIS with the extension definition TLP2Extension.
const (
	TLP1White       ID = "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"
	TLP1Green       ID = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
	TLP1Amber       ID = "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"
	TLP1Red         ID = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
	TLP2Clear       ID = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
	TLP2Green       ID = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
	TLP2Amber       ID = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
	TLP2AmberStrict ID = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
	TLP2Red         ID = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
	TLP2Extension   ID = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
)

// TLPOfMarking returns the level of the marking definition with this identifier. It relies on the identifier alone:
// anyone can invent names and definitions, but not the published identifiers.
func TLPOfMarking(id ID) (TLP, bool) {
	switch id {
	case TLP1White, TLP2Clear:
		return Clear, true
	case TLP1Green, TLP2Green:
		return Green, true
	case TLP1Amber, TLP2Amber:
		return Amber, true
	case TLP2AmberStrict:
		return AmberStrict, true
	case TLP1Red, TLP2Red:
		return Red, true
	}
	return 0, false
}

// Markings returns the marking definitions of the object and its parts: object_marking_refs first, then the marking_ref
// of each granular marking. It leaves out references that are not identifiers.
func (o Object) Markings() []ID {
	var ids []ID
	t := o.Tree
	add := func(node int) {
		if id, err := ParseID(t.Str(node)); err == nil {
			ids = append(ids, id)
		}
	}
	for item := range t.Items(t.Member(t.Root(), "object_marking_refs")) {
		add(item)
	}
	for item := range t.Items(t.Member(t.Root(), "granular_markings")) {
		if ref := t.Member(item, "marking_ref"); ref >= 0 {
			add(ref)
		}
	}
	return ids
}

// EffectiveTLP returns the most restrictive TLP level among the object's markings, if any. others are its other
// markings, which may mean anything.
func (o Object) EffectiveTLP() (level TLP, others []ID) {
	for _, id := range o.Markings() {
		l, ok := TLPOfMarking(id)
		if !ok {
			others = append(others, id)
		}
		level = max(level, l)
	}
	return level, others
}
