package journal

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// The canonical bytes of an entry are one format byte, 1, and then its fields in strictly ascending order of their tags:
//
//	tag (1 byte)   length of the value (minimal uvarint)   value
//
// A field that is zero is left out. A uvarint is the base-128 form of encoding/binary, low seven bits first, in as few
// bytes as it takes.
//
//	tag  field        value
//	  1  Kind         uvarint, 1 to 7; always there
//	  2  At           8 bytes: microseconds since 1970-01-01T00:00:00Z, two's complement, big-endian; always there
//	  3  Account      UTF-8
//	  4  Party        UTF-8
//	  5  Object       UTF-8
//	  6  Version      UTF-8
//	  7  SpecVersion  UTF-8
//	  8  Of           uvarint
//	  9  Size         uvarint
//	 10  TLP          uvarint, at most 255
//	 11  Status       16 bytes
//	 12  Warnings     UTF-8: rule ids, sorted, none twice, a comma between two
//	 13  Source       16 bytes of the collection's id, then the position as uvarint
//	 14  Digest       32 bytes
//	 15  Before       32 bytes
//	 16  Act          UTF-8
//	 17  Subject      UTF-8
//	 18  Reason       UTF-8
//
// A field added by a later version of the program gets a higher tag. Readers refuse unknown tags and kinds: a verifier must not
// vouch for an entry that it cannot read.
const entryFormat = 1

const (
	tagKind = iota + 1
	tagAt
	tagAccount
	tagParty
	tagObject
	tagVersion
	tagSpecVersion
	tagOf
	tagSize
	tagTLP
	tagStatus
	tagWarnings
	tagSource
	tagDigest
	tagBefore
	tagAct
	tagSubject
	tagReason
)

// Append appends the entry's canonical bytes to dst. In text it replaces each run of invalid UTF-8 and each control character
// with U+FFFD; it sorts warnings and drops repeated ones, and cuts At to microseconds.
func (e Entry) Append(dst []byte) []byte {
	dst = append(dst, entryFormat)
	dst = appendUint(dst, tagKind, uint64(e.Kind))
	if !e.At.IsZero() {
		dst = append(dst, tagAt, 8)
		dst = binary.BigEndian.AppendUint64(dst, uint64(e.At.UnixMicro()))
	}
	dst = appendText(dst, tagAccount, e.Account)
	dst = appendText(dst, tagParty, e.Party)
	dst = appendText(dst, tagObject, e.Object)
	dst = appendText(dst, tagVersion, e.Version)
	dst = appendText(dst, tagSpecVersion, e.SpecVersion)
	dst = appendUint(dst, tagOf, uint64(e.Of))
	dst = appendUint(dst, tagSize, e.Size)
	dst = appendUint(dst, tagTLP, uint64(e.TLP))
	dst = appendBytes(dst, tagStatus, e.Status[:])
	dst = appendText(dst, tagWarnings, joinWarnings(e.Warnings))
	if !e.Source.IsZero() {
		v := append(make([]byte, 0, 26), e.Source.Collection[:]...)
		v = binary.AppendUvarint(v, uint64(e.Source.Position))
		dst = append(dst, tagSource, byte(len(v)))
		dst = append(dst, v...)
	}
	dst = appendBytes(dst, tagDigest, e.Digest[:])
	dst = appendBytes(dst, tagBefore, e.Before[:])
	dst = appendText(dst, tagAct, e.Act)
	dst = appendText(dst, tagSubject, e.Subject)
	return appendText(dst, tagReason, e.Reason)
}

// LeafHash is the hash of an entry's canonical bytes as a leaf of the tree (RFC 6962, section 2.1): SHA-256 of a zero
// byte and the bytes.
func LeafHash(entry []byte) tlog.Hash { return tlog.RecordHash(entry) }

func appendUint(dst []byte, tag byte, v uint64) []byte {
	if v == 0 {
		return dst
	}
	var b [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(b[:], v)
	dst = append(dst, tag, byte(n))
	return append(dst, b[:n]...)
}

func appendText(dst []byte, tag byte, s string) []byte {
	if s == "" {
		return dst
	}
	s = clean(strings.ToValidUTF8(s, "\uFFFD"))
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// appendBytes appends a value of fixed length, unless it is all zeros.
func appendBytes(dst []byte, tag byte, v []byte) []byte {
	if allZero(v) {
		return dst
	}
	dst = append(dst, tag, byte(len(v)))
	return append(dst, v...)
}

func allZero(v []byte) bool {
	for _, c := range v {
		if c != 0 {
			return false
		}
	}
	return true
}

func joinWarnings(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" })
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ",")
}

// microTime is the time v microseconds after 1970 began.
func microTime(v uint64) time.Time { return time.UnixMicro(int64(v)).UTC() }
