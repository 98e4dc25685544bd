package schemas

import (
	"bytes"
	"strconv"
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

// decimal is any JSON number, exactly: 0.digits times ten to the scale, the digits being those of mantissa from from to
// to, its point left out, the first and the last of them not zero. Zero has no digits. Exponents beyond a billion count as
// a billion, which nothing here tells apart.
type decimal struct {
	negative bool
	mantissa []byte
	from, to int
	scale    int64
}

const mostExponent = 1_000_000_000

// newDecimal reads a checked JSON number.
func newDecimal(b []byte) decimal {
	var d decimal
	if b[0] == '-' {
		d.negative, b = true, b[1:]
	}
	d.mantissa = b
	if e := bytes.IndexAny(b, "eE"); e >= 0 {
		d.mantissa = b[:e]
		exponent, err := strconv.ParseInt(string(b[e+1:]), 10, 64)
		if err != nil {
			exponent = mostExponent
			if b[e+1] == '-' {
				exponent = -mostExponent
			}
		}
		d.scale = max(-mostExponent, min(mostExponent, exponent))
	}
	point := bytes.IndexByte(d.mantissa, '.')
	if point < 0 {
		point = len(d.mantissa)
	}
	d.to = len(d.mantissa)
	for d.from < d.to && (d.mantissa[d.from] == '0' || d.mantissa[d.from] == '.') {
		d.from++
	}
	for d.to > d.from && (d.mantissa[d.to-1] == '0' || d.mantissa[d.to-1] == '.') {
		d.to--
	}
	if d.from == d.to {
		return decimal{}
	}
	if d.from < point {
		d.scale += int64(point - d.from)
	} else {
		d.scale -= int64(d.from - point - 1)
	}
	return d
}

func (d *decimal) isZero() bool { return d.from == d.to }

// isWhole reports whether nothing but zeros stands behind the decimal point.
func (d *decimal) isWhole() bool {
	n := int64(d.to - d.from)
	if bytes.IndexByte(d.mantissa[d.from:d.to], '.') >= 0 {
		n--
	}
	return d.isZero() || n <= d.scale
}

// sign is -1, 0 or 1.
func (d *decimal) sign() int {
	switch {
	case d.isZero():
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// compare orders two decimals as numbers: -1, 0 or 1.
func (d *decimal) compare(other *decimal) int {
	if a, b := d.sign(), other.sign(); a != b || a == 0 {
		return sign(int64(a - b))
	}
	if c := d.compareSize(other); !d.negative {
		return c
	} else {
		return -c
	}
}

func (d *decimal) compareSize(other *decimal) int {
	if d.scale != other.scale {
		return sign(d.scale - other.scale)
	}
	i, j := d.from, other.from
	for {
		a, b := d.digit(&i), other.digit(&j)
		if a != b || a == 0 {
			return sign(int64(a) - int64(b))
		}
	}
}

// digit is the next digit from place i on as a character, 0 after the last.
func (d *decimal) digit(i *int) byte {
	if *i < d.to && d.mantissa[*i] == '.' {
		*i++
	}
	if *i >= d.to {
		return 0
	}
	*i++
	return d.mantissa[*i-1]
}

func sign(v int64) int {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	}
	return 0
}

// bound is a minimum (side -1) or a maximum (side 1), inclusive.
type bound struct {
	side  int
	at    int64
	exact decimal
}

func newBound(side int, at int64) bound {
	return bound{side, at, newDecimal(strconv.AppendInt(nil, at, 10))}
}

func (b *bound) allowsInt(v int64) bool {
	if b.side < 0 {
		return v >= b.at
	}
	return v <= b.at
}

func (b *bound) allows(d decimal) bool { return d.compare(&b.exact) != b.side }
