package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// fields writes or reads the fields of a record, in ascending order of their tags, as an entry of the journal has them:
//
//	tag (1 byte)   length of the value (minimal uvarint)   value
//
// A field that is zero is left out. A list is one field, in which each item stands behind its length. The methods are called
// for each field in order, and the same calls write a record and read it. Values that are read share memory with the record.
type fields struct {
	reading bool
	b       []byte // written so far, or what is left to read
	err     error
}

// next returns the value of a field, if it is there.
func (f *fields) next(tag byte) (v []byte, ok bool) {
	if f.err != nil || len(f.b) == 0 || f.b[0] != tag {
		return nil, false
	}
	v, rest, ok := cutItem(f.b[1:])
	if !ok {
		f.fail(tag, errors.New("it has no proper length"))
		return nil, false
	}
	f.b = rest
	return v, true
}

// cutItem returns what stands behind its length at the start of b.
func cutItem(b []byte) (item, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || used > 1 && b[used-1] == 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n:n], b[n:], true
}

func appendItem(dst, item []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(item))), item...)
}

func (f *fields) put(tag byte, v []byte) { f.b = appendItem(append(f.b, tag), v) }

// item writes what write appends, behind its length.
func (f *fields) item(write func(*fields)) {
	start := len(f.b)
	write(f)
	var length [binary.MaxVarintLen64]byte
	n := len(f.b) - start
	used := binary.PutUvarint(length[:], uint64(n))
	f.b = append(f.b, length[:used]...)
	copy(f.b[start+used:], f.b[start:start+n])
	copy(f.b[start:], length[:used])
}

func (f *fields) fail(tag byte, err error) {
	if f.err == nil {
		f.err = fmt.Errorf("field %d: %w", tag, err)
	}
}

// bytes is a field that is left out when it is empty.
func (f *fields) bytes(tag byte, v *[]byte) {
	if !f.reading {
		if len(*v) > 0 {
			f.put(tag, *v)
		}
		return
	}
	if value, ok := f.next(tag); ok {
		if len(value) == 0 {
			f.fail(tag, errors.New("it is empty"))
		}
		*v = value
	}
}

// maybe is a field that is left out when it is nil, and may be empty.
func (f *fields) maybe(tag byte, v *[]byte) {
	if !f.reading {
		if *v != nil {
			f.put(tag, *v)
		}
		return
	}
	if value, ok := f.next(tag); ok {
		*v = value
	}
}

func textField[S ~string](f *fields, tag byte, s *S) {
	v := []byte(*s)
	f.bytes(tag, &v)
	*s = S(v)
}

func uintField[N ~uint64 | ~uint8 | ~int](f *fields, tag byte, n *N) {
	if !f.reading {
		if *n != 0 {
			f.put(tag, binary.AppendUvarint(nil, uint64(*n)))
		}
		return
	}
	v, ok := f.next(tag)
	if !ok {
		return
	}
	u, used := binary.Uvarint(v)
	*n = N(u)
	if used != len(v) || u == 0 || uint64(*n) != u || *n < 0 {
		f.fail(tag, fmt.Errorf("%x is no number that it can have", v))
	}
}

func (f *fields) flag(tag byte, is *bool) {
	n := cond(*is, uint64(1), 0)
	uintField(f, tag, &n)
	if n > 1 {
		f.fail(tag, errors.New("it is neither there nor not"))
	}
	*is = n == 1
}

// fixed is a field of a known length, which is left out when all of it is zero.
func (f *fields) fixed(tag byte, v []byte) {
	if !f.reading {
		if !allZero(v) {
			f.put(tag, v)
		}
		return
	}
	if value, ok := f.next(tag); ok {
		if len(value) != len(v) || allZero(value) {
			f.fail(tag, fmt.Errorf("expected %d bytes, not all zero", len(v)))
		}
		copy(v, value)
	}
}

func allZero(v []byte) bool { return len(bytes.Trim(v, "\x00")) == 0 }

// record is a field that is a record of its own: there is one if present is set.
func (f *fields) record(tag byte, present bool, each func(*fields)) bool {
	if !f.reading {
		if present {
			f.b = append(f.b, tag)
			f.item(each)
		}
		return present
	}
	v, ok := f.next(tag)
	if ok {
		f.inside(tag, v, each)
	}
	return ok
}

// inside reads a value by each, which must account for all of it.
func (f *fields) inside(tag byte, v []byte, each func(*fields)) {
	inner := &fields{reading: true, b: v}
	each(inner)
	if err := inner.end(); err != nil {
		f.fail(tag, err)
	}
}

// recordsField is a field that is a list of records.
func recordsField[T any](f *fields, tag byte, list *[]T, each func(*fields, *T)) {
	if !f.reading {
		if len(*list) > 0 {
			f.b = append(f.b, tag)
			f.item(func(f *fields) {
				for i := range *list {
					f.item(func(f *fields) { each(f, &(*list)[i]) })
				}
			})
		}
		return
	}
	rest, ok := f.next(tag)
	if ok && len(rest) == 0 {
		f.fail(tag, errors.New("the list is empty"))
	}
	for f.err == nil && len(rest) > 0 {
		v, after, ok := cutItem(rest)
		if !ok {
			f.fail(tag, fmt.Errorf("item %d has no proper length", len(*list)+1))
			return
		}
		var one T
		f.inside(tag, v, func(f *fields) { each(f, &one) })
		*list, rest = append(*list, one), after
	}
}

// whole is all that is left of a record, which has no fields.
func (f *fields) whole(v *[]byte) {
	if !f.reading {
		f.b = append(f.b, *v...)
		return
	}
	*v, f.b = f.b, nil
}

// textsField is a list of texts.
func textsField[S ~string](f *fields, tag byte, list *[]S) {
	recordsField(f, tag, list, func(f *fields, s *S) {
		v := []byte(*s)
		f.whole(&v)
		*s = S(v)
	})
}

// bytesField is a list of bytes.
func bytesField(f *fields, tag byte, list *[][]byte) {
	recordsField(f, tag, list, (*fields).whole)
}

// end reports what was wrong, or is left over: a field that is unknown, or stands in the wrong place.
func (f *fields) end() error {
	if f.err == nil && f.reading && len(f.b) > 0 {
		return fmt.Errorf("the field %d is unknown, or stands in the wrong place", f.b[0])
	}
	return f.err
}
