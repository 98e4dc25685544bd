package taxii

import (
	"fmt"
	"time"
)

// TimeFormat is the one form of a TAXII timestamp (section 2): six digits of fraction, always Z.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// Headers that state the date_added of the first and last item of an answer (section 3.2).
const (
	HeaderFirst = "X-TAXII-Date-Added-First"
	HeaderLast  = "X-TAXII-Date-Added-Last"
)

// FormatTime writes t in UTC as a TAXII timestamp, cut to the microsecond.
func FormatTime(t time.Time) string {
	var buf [len(TimeFormat)]byte
	return string(AppendTime(buf[:0], t))
}

// AppendTime appends what FormatTime returns, without allocating.
func AppendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, TimeFormat)
	}
	// AppendFormat reads its layout anew each time: that was a third of the time of a manifest.
	hour, minute, second := t.Clock()
	text := [len(timeShape)]byte([]byte(timeShape))
	for _, field := range [...]struct{ last, value int }{
		{3, year}, {6, int(month)}, {9, day}, {12, hour}, {15, minute}, {18, second}, {25, t.Nanosecond() / 1000},
	} {
		for i, n := field.last, field.value; n > 0; i, n = i-1, n/10 {
			text[i] += byte(n % 10)
		}
	}
	return append(dst, text[:]...)
}

// timeShape is where the digits of a timestamp go.
const timeShape = "0000-00-00T00:00:00.000000Z"

// ParseTime reads a TAXII timestamp. Clients write 0 to 9 digits of fraction, so those are read, cut to the microsecond;
// the Z is required, and so are upper-case letters, two digits a field and a date that exists.
func ParseTime(s string) (time.Time, error) {
	bad := func(what string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%s %s, expected a UTC timestamp such as 2026-01-31T09:30:00.000000Z", quote(s), what)
	}
	if !timestampForm(s) {
		return bad("is no timestamp")
	}
	if len(s) > len("2006-01-02T15:04:05.000000000Z") {
		return bad("has more than nine digits of fraction")
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if !exists(year, month, day, hour, minute, second) {
		return bad("names a moment that does not exist")
	}
	micros := 0
	for i := range 6 {
		micros *= 10
		if at := 20 + i; at < len(s)-1 {
			micros += int(s[at] - '0')
		}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC), nil
}

// timestampForm reports whether s is YYYY-MM-DDTHH:MM:SS[.digits]Z, whatever the numbers.
func timestampForm(s string) bool {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 || s[len(s)-1] != 'Z' {
		return false
	}
	for i := range len(form) {
		digit := '0' <= s[i] && s[i] <= '9'
		if (form[i] == '0') != digit || !digit && s[i] != form[i] {
			return false
		}
	}
	fraction := s[len(form) : len(s)-1]
	if fraction == "" {
		return true
	}
	return fraction[0] == '.' && len(fraction) > 1 && allDigits(fraction[1:])
}

// exists checks the calendar and the clock. Second 60 is possible at 23:59 only, where leap seconds are.
func exists(year, month, day, hour, minute, second int) bool {
	if month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 {
		return false
	}
	if day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return false
	}
	return second <= 59 || second == 60 && hour == 23 && minute == 59
}

// stixTimestamp reports whether s is a timestamp as STIX has it: any number of digits of fraction.
func stixTimestamp(s string) bool {
	if !timestampForm(s) {
		return false
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	return exists(two(0)*100+two(2), two(5), two(8), two(11), two(14), two(17))
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
