package stix

import (
	"fmt"
	"strings"
)

// PAP is a level of the Permissible Actions Protocol, ordered from the least to the most restrictive. It limits what a
// receiver may do with an object, not which receivers may have it. The zero PAP means no level.
type PAP uint8

// The levels. White is the old name of clear.
const (
	PAPClear PAP = iota + 1
	PAPGreen
	PAPAmber
	PAPRed
)

var papNames = [...]string{PAPClear: "clear", PAPGreen: "green", PAPAmber: "amber", PAPRed: "red"}

// String returns the level's name in lower case, or "" for no level.
func (l PAP) String() string {
	if int(l) < len(papNames) {
		return papNames[l]
	}
	return fmt.Sprintf("pap(%d)", uint8(l))
}

// ParsePAP reads a level's name in any case, and white as clear. "" means no level.
func ParsePAP(s string) (PAP, error) {
	name := strings.ToLower(s)
	switch name {
	case "":
		return 0, nil
	case "white":
		return PAPClear, nil
	}
	for l := PAPClear; l <= PAPRed; l++ {
		if papNames[l] == name {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%s is no PAP level, expected clear (white), green, amber or red", clip(s))
}

// MarshalText writes the level's name.
func (l PAP) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *PAP) UnmarshalText(b []byte) (err error) {
	*l, err = ParsePAP(string(b))
	return err
}

// The identifiers of the PAP marking definitions, published by OASIS with the extension definition PAPExtension.
const (
	PAPMarkingClear ID = "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92"
	PAPMarkingWhite ID = "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730"
	PAPMarkingGreen ID = "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9"
	PAPMarkingAmber ID = "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab"
	PAPMarkingRed   ID = "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e"
	PAPExtension    ID = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
)

// PAPOfMarking returns the level of the marking definition with this identifier. Like TLPOfMarking it relies on the
// published identifier alone.
func PAPOfMarking(id ID) (PAP, bool) {
	switch id {
	case PAPMarkingClear, PAPMarkingWhite:
		return PAPClear, true
	case PAPMarkingGreen:
		return PAPGreen, true
	case PAPMarkingAmber:
		return PAPAmber, true
	case PAPMarkingRed:
		return PAPRed, true
	}
	return 0, false
}
