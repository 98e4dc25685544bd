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

// ParseTime reads a timestamp in any form of RFC 3339 with up to nine digits of fraction, cut to the microsecond: clients
// write offsets, lower-case letters, and no fraction or a long one. The date must exist, and the zone must be stated.
func ParseTime(s string) (time.Time, error) {
	bad := func(what string) (time.Time, error) {
		return time.Time{}, fmt.Errorf("%s %s, expected a timestamp such as 2026-01-31T09:30:00.000000Z", quote(s), what)
	}
	text, offset, ok := splitZone(s)
	if !ok || !timestampForm(text) {
		return bad(timeProblem(s))
	}
	if len(text) > len("2006-01-02T15:04:05.000000000Z") {
		return bad("has more than nine digits of fraction")
	}
	two := func(i int) int { return int(text[i]-'0')*10 + int(text[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	utc := ((hour*60+minute-offset)%1440 + 1440) % 1440
	if hour > 23 || minute > 59 || !exists(year, month, day, utc/60, utc%60, second) {
		return bad("names a moment that does not exist")
	}
	micros := 0
	for i := range 6 {
		micros *= 10
		if at := 20 + i; at < len(text)-1 {
			micros += int(text[at] - '0')
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute-offset, second, micros*1000, time.UTC)
	if t.Year() < 0 || t.Year() > 9999 {
		return bad("names a moment that no timestamp in UTC can name")
	}
	return t, nil
}

// splitZone rewrites a timestamp of RFC 3339 in the form of section 2, with its letters in upper case and Z for its zone,
// and returns the offset from UTC in minutes.
func splitZone(s string) (text string, offset int, ok bool) {
	const date = len("2006-01-02")
	if len(s) <= date+1 {
		return "", 0, false
	}
	head, rest := s[:date], s[date+1:]
	if s[date] != 'T' && s[date] != 't' {
		return "", 0, false
	}
	if last := rest[len(rest)-1]; last == 'Z' || last == 'z' {
		return head + "T" + rest[:len(rest)-1] + "Z", 0, true
	}
	at := len(rest) - len("+00:00")
	if at < 0 || rest[at] != '+' && rest[at] != '-' || rest[at+3] != ':' {
		return "", 0, false
	}
	zone := rest[at+1:at+3] + rest[at+4:]
	if !allDigits(zone) {
		return "", 0, false
	}
	hours, minutes := int(zone[0]-'0')*10+int(zone[1]-'0'), int(zone[2]-'0')*10+int(zone[3]-'0')
	if hours > 23 || minutes > 59 {
		return "", 0, false
	}
	offset = hours*60 + minutes
	if rest[at] == '-' {
		offset = -offset
	}
	return head + "T" + rest[:at] + "Z", offset, true
}

// timeProblem says what is wrong with a text that is no timestamp.
func timeProblem(s string) string {
	if at := len(s) - len(" 00:00"); at > 0 && s[at] == ' ' {
		if _, _, ok := splitZone(s[:at] + "+" + s[at+1:]); ok {
			return "has a space before its offset: a + in a query string is read as a space, and is written %2B"
		}
	}
	if timestampForm(s + "Z") {
		return "has no zone: end it in Z or in an offset such as +01:00"
	}
	return "is no timestamp"
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
