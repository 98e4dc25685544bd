package validate

import "bytes"

// timestampForm reports whether b is `YYYY-MM-DDTHH:mm:ss[.s+]Z` with any digits (section 2.16).
func timestampForm(b []byte) bool {
	const form = "0000-00-00T00:00:00"
	if len(b) < len(form)+1 || b[len(b)-1] != 'Z' {
		return false
	}
	for i := range len(form) {
		if form[i] == '0' && !isDigit(b[i]) || form[i] != '0' && b[i] != form[i] {
			return false
		}
	}
	rest := b[len(form) : len(b)-1]
	return len(rest) == 0 || rest[0] == '.' && digits(rest[1:])
}

// timeFault is a fault in a well-formed timestamp.
type timeFault uint8

const (
	noFault timeFault = iota
	noDate            // a date that does not exist
	noTime            // an hour, minute or second that does not exist
	noLeap            // second 60 where no leap second can be
)

// realTime returns the fault in a well-formed timestamp whose date or time does not exist. A leap second is possible
// only at the end of a day.
func realTime(b []byte) timeFault {
	two := func(i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	switch {
	case month < 1 || month > 12 || day < 1 || day > daysIn(year, month):
		return noDate
	case hour > 23 || minute > 59 || second > 60:
		return noTime
	case second == 60 && (hour != 23 || minute != 59):
		return noLeap
	}
	return noFault
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// fraction returns the digits after the decimal point.
func fraction(b []byte) []byte {
	if len(b) <= len("0000-00-00T00:00:00Z") {
		return nil
	}
	return b[20 : len(b)-1]
}

// compareTimes compares two well-formed timestamps. Up to the seconds it compares text, including leap seconds; it
// compares fractions as digits without trailing zeros.
func compareTimes(a, b []byte) int {
	if c := bytes.Compare(a[:19], b[:19]); c != 0 {
		return c
	}
	return bytes.Compare(bytes.TrimRight(fraction(a), "0"), bytes.TrimRight(fraction(b), "0"))
}
