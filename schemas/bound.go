package schemas

import (
	"strconv"

	"github.com/accord-taxii/accord/stix/ijson"
)

// smallInt reads a JSON number that is written as a whole number of up to 18 digits.
func smallInt(b []byte) (v int64, ok bool) {
	digits := b
	if digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) > 18 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		v = -v
	}
	return v, true
}

// bound is a minimum (side -1) or a maximum (side 1), inclusive.
type bound struct {
	side  int
	at    int64
	exact ijson.Decimal
}

func newBound(side int, at int64) bound {
	return bound{side, at, ijson.NewDecimal(strconv.AppendInt(nil, at, 10))}
}

func (b *bound) allowsInt(v int64) bool {
	if b.side < 0 {
		return v >= b.at
	}
	return v <= b.at
}

func (b *bound) allows(d ijson.Decimal) bool { return d.Compare(&b.exact) != b.side }
