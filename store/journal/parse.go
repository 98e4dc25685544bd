package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseEntry reads canonical bytes. It refuses everything that Append does not write: an unknown kind or tag, fields out
// of order, a zero field that is present, a longer spelling of a number, bytes left over. On error the Entry is zero.
func ParseEntry(b []byte) (Entry, error) {
	var e Entry
	if len(b) == 0 || b[0] != entryFormat {
		return Entry{}, fmt.Errorf("parse entry: the first byte is %x, expected the format %d", b[:min(len(b), 1)], entryFormat)
	}
	rest, last := b[1:], byte(0)
	for len(rest) > 0 {
		tag := rest[0]
		if tag <= last {
			return Entry{}, fmt.Errorf("parse entry: field %d stands after field %d, expected ascending tags", tag, last)
		}
		n, used := minimalUvarint(rest[1:])
		if used == 0 {
			return Entry{}, fmt.Errorf("parse entry: field %d has no proper length", tag)
		}
		rest = rest[1+used:]
		if n > uint64(len(rest)) {
			return Entry{}, fmt.Errorf("parse entry: field %d has %d bytes, but only %d follow", tag, n, len(rest))
		}
		if err := e.set(tag, rest[:n]); err != nil {
			return Entry{}, fmt.Errorf("parse entry: field %d: %w", tag, err)
		}
		rest, last = rest[n:], tag
	}
	if e.Kind == 0 || e.At.IsZero() {
		return Entry{}, errors.New("parse entry: kind or time is missing")
	}
	return e, nil
}

// set reads the value of one field.
func (e *Entry) set(tag byte, v []byte) error {
	if text := e.text(tag); text != nil {
		if len(v) == 0 || !utf8.Valid(v) {
			return errors.New("expected text in UTF-8, not empty")
		}
		*text = string(v)
		return nil
	}
	switch tag {
	case tagKind:
		n, err := uintValue(v, uint64(Decided))
		e.Kind = Kind(n)
		return err
	case tagAt:
		if len(v) != 8 {
			return fmt.Errorf("the time has %d bytes, expected 8", len(v))
		}
		e.At = microTime(binary.BigEndian.Uint64(v))
		if e.At.IsZero() {
			return errors.New("the time is the zero time")
		}
		return nil
	case tagOf:
		n, err := uintValue(v, math.MaxUint64)
		e.Of = Position(n)
		return err
	case tagSize:
		n, err := uintValue(v, math.MaxUint64)
		e.Size = n
		return err
	case tagTLP:
		n, err := uintValue(v, math.MaxUint8)
		e.TLP = uint8(n)
		return err
	case tagStatus:
		return fixedValue(e.Status[:], v)
	case tagWarnings:
		return e.setWarnings(v)
	case tagSource:
		return e.setSource(v)
	case tagDigest:
		return fixedValue(e.Digest[:], v)
	case tagBefore:
		return fixedValue(e.Before[:], v)
	}
	return errors.New("unknown tag")
}

// text is the text field that a tag stands for.
func (e *Entry) text(tag byte) *string {
	switch tag {
	case tagAccount:
		return &e.Account
	case tagParty:
		return &e.Party
	case tagObject:
		return &e.Object
	case tagVersion:
		return &e.Version
	case tagSpecVersion:
		return &e.SpecVersion
	case tagAct:
		return &e.Act
	case tagSubject:
		return &e.Subject
	case tagReason:
		return &e.Reason
	}
	return nil
}

func (e *Entry) setWarnings(v []byte) error {
	if !utf8.Valid(v) {
		return errors.New("expected rule ids in UTF-8")
	}
	ids := strings.Split(string(v), ",")
	for i, id := range ids {
		if id == "" || i > 0 && id <= ids[i-1] {
			return errors.New("expected rule ids, sorted, none empty and none twice")
		}
	}
	e.Warnings = slices.Clip(ids)
	return nil
}

func (e *Entry) setSource(v []byte) error {
	if len(v) < 17 {
		return fmt.Errorf("the source has %d bytes, expected a UUID and a position", len(v))
	}
	copy(e.Source.Collection[:], v)
	n, used := minimalUvarint(v[16:])
	if used != len(v)-16 {
		return errors.New("the source's position is no minimal uvarint")
	}
	e.Source.Position = Position(n)
	if e.Source.IsZero() {
		return errors.New("the source is zero")
	}
	return nil
}

func uintValue(v []byte, most uint64) (uint64, error) {
	n, used := minimalUvarint(v)
	if used == 0 || used != len(v) {
		return 0, errors.New("expected one minimal uvarint")
	}
	if n == 0 || n > most {
		return 0, fmt.Errorf("the number is %d, expected 1 to %d", n, most)
	}
	return n, nil
}

func fixedValue(dst, v []byte) error {
	if len(v) != len(dst) || allZero(v) {
		return fmt.Errorf("expected %d bytes, not all zero", len(dst))
	}
	copy(dst, v)
	return nil
}

// minimalUvarint reads a uvarint in its shortest form at the start of b; used is 0 when there is none.
func minimalUvarint(b []byte) (v uint64, used int) {
	v, used = binary.Uvarint(b)
	if used <= 0 || used > 1 && b[used-1] == 0 {
		return 0, 0
	}
	return v, used
}
