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
			inner := &fields{}
			each(inner)
			if inner.err != nil {
				f.fail(tag, inner.err)
			}
			f.put(tag, inner.b)
		}
		return present
	}
	v, ok := f.next(tag)
	if ok {
		inner := &fields{reading: true, b: v}
		each(inner)
		if err := inner.end(); err != nil {
			f.fail(tag, err)
		}
	}
	return ok
}

// listField is a field that is a list of items, which are read and written by item.
func listField[T any](f *fields, tag byte, list *[]T, item func(*[]byte, *T) error) {
	if !f.reading {
		if len(*list) == 0 {
			return
		}
		var v []byte
		for i := range *list {
			var b []byte
			if err := item(&b, &(*list)[i]); err != nil {
				f.fail(tag, err)
			}
			v = appendItem(v, b)
		}
		f.put(tag, v)
		return
	}
	rest, ok := f.next(tag)
	if ok && len(rest) == 0 {
		f.fail(tag, errors.New("the list is empty"))
	}
	for f.err == nil && len(rest) > 0 {
		b, after, ok := cutItem(rest)
		if !ok {
			f.fail(tag, fmt.Errorf("item %d has no proper length", len(*list)+1))
			return
		}
		var one T
		if err := item(&b, &one); err != nil {
			f.fail(tag, fmt.Errorf("item %d: %w", len(*list)+1, err))
			return
		}
		*list, rest = append(*list, one), after
	}
}

// recordsField is a list of records.
func recordsField[T any](f *fields, tag byte, list *[]T, each func(*fields, *T)) {
	listField(f, tag, list, func(b *[]byte, one *T) error {
		inner := &fields{reading: f.reading, b: *b}
		each(inner, one)
		*b = inner.b
		if f.reading {
			return inner.end()
		}
		return inner.err
	})
}

// textsField is a list of texts.
func textsField[S ~string](f *fields, tag byte, list *[]S) {
	reading := f.reading
	listField(f, tag, list, func(b *[]byte, s *S) error {
		if reading {
			*s = S(*b)
		} else {
			*b = []byte(*s)
		}
		return nil
	})
}

// bytesField is a list of bytes.
func bytesField(f *fields, tag byte, list *[][]byte) {
	reading := f.reading
	listField(f, tag, list, func(b, v *[]byte) error {
		if reading {
			*v = *b
		} else {
			*b = *v
		}
		return nil
	})
}

// end reports what was wrong, or is left over: a field that is unknown, or stands in the wrong place.
func (f *fields) end() error {
	if f.err == nil && f.reading && len(f.b) > 0 {
		return fmt.Errorf("the field %d is unknown, or stands in the wrong place", f.b[0])
	}
	return f.err
}
