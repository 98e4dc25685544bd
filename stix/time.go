package stix

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Instant is a STIX timestamp (section 2.16) at full precision: a STIX timestamp may have any number of fraction
// digits, and two versions of an object may differ in the tenth. Compare instants with Compare. The zero Instant means
// no time.
type Instant struct {
	sec  int64  // seconds since the start of year 0, plus 1
	frac string // fraction digits without trailing zeros; a leap second begins with ':', which sorts after every digit
	n    int    // fraction digits as written
}

// yearOne is the start of year 0, the earliest time that a timestamp can name.
var yearOne = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// TimestampLayout is how times that Accord makes itself are written: to the millisecond, as created and modified are (section
// 3.2). It writes a time in UTC.
const TimestampLayout = "2006-01-02T15:04:05.000Z"

// ParseInstant reads a STIX timestamp: `YYYY-MM-DDTHH:mm:ss[.s+]Z`, upper-case T and Z, a date that exists. Second 60
// is accepted only at 23:59, where leap seconds occur. time.Parse does not suffice: it accepts one-digit hours, commas
// and offsets, refuses second 60 and drops digits.
func ParseInstant(s string) (Instant, error) {
	if !timestampForm(s) {
		return Instant{}, fmt.Errorf("%s is no STIX timestamp, expected YYYY-MM-DDTHH:mm:ss.sssZ in UTC", clip(s))
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return Instant{}, fmt.Errorf("%s names a date that does not exist", clip(s))
	}
	leap := second == 60 && hour == 23 && minute == 59
	if hour > 23 || minute > 59 || second > 59 && !leap {
		return Instant{}, fmt.Errorf("%s names a time of day that does not exist", clip(s))
	}
	var frac string
	if len(s) > 20 {
		frac = s[20 : len(s)-1]
	}
	in := Instant{n: len(frac)}
	in.frac = strings.TrimRight(frac, "0")
	if leap {
		second = 59
		in.frac = ":" + in.frac
	}
	in.sec = time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC).Unix() - yearOne + 1
	return in, nil
}

func timestampForm(s string) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 || s[len(s)-1] != 'Z' {
		return false
	}
	for i := 0; i < len(form); i++ {
		if form[i] == '0' && (s[i] < '0' || s[i] > '9') || form[i] != '0' && s[i] != form[i] {
			return false
		}
	}
	rest := s[len(form) : len(s)-1]
	if rest == "" {
		return true
	}
	if rest[0] != '.' || len(rest) == 1 {
		return false
	}
	for i := 1; i < len(rest); i++ {
		if rest[i] < '0' || rest[i] > '9' {
			return false
		}
	}
	return true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Compare orders instants in time: -1, 0 or 1.
func (in Instant) Compare(other Instant) int {
	if c := cmp.Compare(in.sec, other.sec); c != 0 {
		return c
	}
	return strings.Compare(in.frac, other.frac)
}

// IsZero reports whether in is the zero Instant.
func (in Instant) IsZero() bool { return in.sec == 0 }

// FractionDigits returns how many digits followed the decimal point.
func (in Instant) FractionDigits() int { return in.n }

// Time returns the instant truncated to nanoseconds.
func (in Instant) Time() time.Time {
	if in.IsZero() {
		return time.Time{}
	}
	frac := strings.TrimPrefix(in.frac, ":")
	nanos := 0
	for i := 0; i < 9; i++ {
		nanos *= 10
		if i < len(frac) {
			nanos += int(frac[i] - '0')
		}
	}
	sec := in.sec - 1 + yearOne
	if frac != in.frac {
		sec++
	}
	return time.Unix(sec, int64(nanos)).UTC()
}

// String returns the exact instant, with all digits of its fraction, so that ParseInstant reads the same instant. The
// zero Instant is "".
func (in Instant) String() string {
	if in.IsZero() {
		return ""
	}
	text := time.Unix(in.sec-1+yearOne, 0).UTC().Format("2006-01-02T15:04:05")
	frac, leap := strings.CutPrefix(in.frac, ":")
	if leap {
		text = text[:len(text)-2] + "60"
	}
	if frac != "" {
		text += "." + frac
	}
	return text + "Z"
}

// AppendKey appends an encoding of the instant to dst. Encodings sort as bytes in the order of time, and mark their own
// end: five bytes of seconds, the digits of the fraction, a zero byte.
func (in Instant) AppendKey(dst []byte) []byte {
	var sec [8]byte
	binary.BigEndian.PutUint64(sec[:], uint64(in.sec))
	dst = append(dst, sec[3:]...)
	dst = append(dst, in.frac...)
	return append(dst, 0)
}

// InstantOfKey reads the key that AppendKey wrote at the start of b and returns its length, or 0 if b does not begin
// with a key.
func InstantOfKey(b []byte) (Instant, int) {
	if len(b) < 6 {
		return Instant{}, 0
	}
	var sec [8]byte
	copy(sec[3:], b[:5])
	for i := 5; i < len(b); i++ {
		if b[i] == 0 {
			frac := string(b[5:i])
			return Instant{sec: int64(binary.BigEndian.Uint64(sec[:])), frac: frac, n: len(strings.TrimPrefix(frac, ":"))}, i + 1
		}
	}
	return Instant{}, 0
}

// InstantOf returns the instant of t, to the nanosecond.
func InstantOf(t time.Time) Instant {
	t = t.UTC()
	frac := fmt.Sprintf("%09d", t.Nanosecond())
	return Instant{sec: t.Unix() - yearOne + 1, frac: strings.TrimRight(frac, "0"), n: 9}
}
