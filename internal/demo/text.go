package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// member is one member of a JSON object. The value is a string, bool, int, float64, []string, fields or []fields.
type member struct {
	name  string
	value any
}

// fields is a JSON object whose members keep their order.
type fields []member

// with returns the fields with a member set: in place if the name exists, otherwise at the end.
func (f fields) with(name string, value any) fields {
	f = slices.Clone(f)
	for i := range f {
		if f[i].name == name {
			f[i].value = value
			return f
		}
	}
	return append(f, member{name, value})
}

// canonical returns the fields in the member order of RFC 8785, at every depth. For the ASCII names used here that is the
// order of bytes.
func (f fields) canonical() fields {
	f = slices.Clone(f)
	for i, m := range f {
		switch v := m.value.(type) {
		case fields:
			f[i].value = v.canonical()
		case []fields:
			sorted := make([]fields, len(v))
			for j := range v {
				sorted[j] = v[j].canonical()
			}
			f[i].value = sorted
		}
	}
	slices.SortFunc(f, func(a, b member) int { return cmp.Compare(a.name, b.name) })
	return f
}

func appendFields(dst []byte, f fields) []byte {
	dst = append(dst, '{')
	for i, m := range f {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, m.name)
		dst = append(dst, ':')
		dst = appendValue(dst, m.value)
	}
	return append(dst, '}')
}

func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	case []string:
		return appendList(dst, v, appendString)
	case fields:
		return appendFields(dst, v)
	case []fields:
		return appendList(dst, v, appendFields)
	}
	panic(fmt.Sprintf("demo: no JSON form for %T", value)) // a bug in this package
}

func appendList[T any](dst []byte, list []T, item func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, v)
	}
	return append(dst, ']')
}

// appendString writes a JSON string with only the escapes that RFC 8259 and RFC 8785 require.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
