package ijson

import (
	"bytes"
	"strconv"
)

// Decimal is the exact value of a JSON number, whatever its spelling: 0.digits times ten to the power of scale, where
// the digits are those of mantissa[from:to] without the point, and neither the first nor the last is zero. Zero has no
// digits. A Decimal refers to the text that it was read from.
type Decimal struct {
	negative bool
	mantissa []byte
	from, to int
	scale    int64
	beyond   []byte // the number's own text, when its exponent has more than 61 bits; scale is then a stand-in
}

// farthest is the largest exponent used in calculations. It leaves room for the digits of any text.
const farthest = 1 << 61

// NewDecimal reads a JSON number, which must be well-formed.
func NewDecimal(number []byte) Decimal {
	var d Decimal
	rest := number
	if rest[0] == '-' {
		d.negative, rest = true, rest[1:]
	}
	d.mantissa = rest
	if e := bytes.IndexAny(rest, "eE"); e >= 0 {
		d.mantissa = rest[:e]
		exponent, err := strconv.ParseInt(string(rest[e+1:]), 10, 62)
		if err != nil {
			d.beyond, exponent = number, farthest
			if rest[e+1] == '-' {
				exponent = -farthest
			}
		}
		d.scale = exponent
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
		return Decimal{}
	}
	if d.from < point {
		d.scale += int64(point - d.from)
	} else {
		d.scale -= int64(d.from - point - 1)
	}
	return d
}

// IsZero reports whether the number is 0, or -0.
func (d *Decimal) IsZero() bool { return d.from == d.to }

// IsWhole reports whether the number has no fraction: 1.0 and 1e2 have none.
func (d *Decimal) IsWhole() bool {
	return d.IsZero() || d.digits() <= d.scale
}

// digits returns the number of significant digits.
func (d *Decimal) digits() int64 {
	n := int64(d.to - d.from)
	if bytes.IndexByte(d.mantissa[d.from:d.to], '.') >= 0 {
		n--
	}
	return n
}

// Parts returns the sign, the digits without zeros at either end, and the scale of the number 0.digits times ten to the
// power of scale. If the number's exponent has more than 61 bits, the scale is a stand-in of the largest magnitude.
func (d *Decimal) Parts() (negative bool, digits []byte, scale int64) {
	return d.negative, bytes.ReplaceAll(d.mantissa[d.from:d.to], []byte("."), nil), d.scale
}

// Int64 returns the number as an integer. ok is false if it has a fraction or more than 18 digits.
func (d *Decimal) Int64() (v int64, ok bool) {
	if !d.IsWhole() || d.scale > 18 {
		return 0, false
	}
	i := d.from
	for range max(d.scale, 0) {
		v *= 10
		if c := d.digit(&i); c != 0 {
			v += int64(c - '0')
		}
	}
	if d.negative {
		v = -v
	}
	return v, true
}

// Sign returns -1, 0 or 1.
func (d *Decimal) Sign() int {
	switch {
	case d.IsZero():
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// Compare orders two decimals as numbers: -1, 0 or 1. Exponents of more than 61 bits all count as one.
func (d *Decimal) Compare(other *Decimal) int {
	if a, b := d.Sign(), other.Sign(); a != b || a == 0 {
		return sign(int64(a - b))
	}
	if c := d.compareSize(other); !d.negative {
		return c
	} else {
		return -c
	}
}

// Equal reports whether two decimals are the same number. A number whose exponent has more than 61 bits equals only its
// own text.
func (d *Decimal) Equal(other *Decimal) bool {
	if d.beyond != nil || other.beyond != nil {
		return bytes.Equal(d.beyond, other.beyond)
	}
	return d.Compare(other) == 0
}

// Append appends a spelling of the number that is the same for equal decimals: the digits of an integer that does not
// end in 0, "e", and the exponent. Zero is 0.
func (d *Decimal) Append(dst []byte) []byte {
	switch {
	case d.beyond != nil:
		return append(dst, d.beyond...)
	case d.IsZero():
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	for i := d.from; ; {
		c := d.digit(&i)
		if c == 0 {
			break
		}
		dst = append(dst, c)
	}
	return strconv.AppendInt(append(dst, 'e'), d.scale-d.digits(), 10)
}

func (d *Decimal) compareSize(other *Decimal) int {
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

// digit returns the next significant digit at or after i as a character, or 0 after the last.
func (d *Decimal) digit(i *int) byte {
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
