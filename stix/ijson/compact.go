package ijson

import "bytes"

// appendCompact appends text without the white space between its tokens. It keeps a single space that separates two
// numbers or literals, for the parser to refuse.
func appendCompact(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end := stringEnd(text, i)
			dst = append(dst, text[i:end]...)
			i = end
		case space(c):
			j := i + 1
			for j < len(text) && space(text[j]) {
				j++
			}
			if len(dst) > 0 && j < len(text) && joins(dst[len(dst)-1]) && joins(text[j]) {
				dst = append(dst, ' ')
			}
			i = j
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// joins reports whether c may stand inside a number or a literal.
func joins(c byte) bool {
	return c != '{' && c != '}' && c != '[' && c != ']' && c != ',' && c != ':' && c != '"'
}

// stringEnd returns the index after the string that opens at i, or the end of text if it never closes.
func stringEnd(text []byte, i int) int {
	for i++; ; {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return len(text)
		}
		i += n
		back := i
		for text[back-1] == '\\' {
			back--
		}
		i++
		if (i-1-back)%2 == 0 {
			return i
		}
	}
}

// offsetBefore turns an offset in the compact form of text into the corresponding offset in text. It is used only for
// messages and so may walk the text again.
func offsetBefore(text []byte, compact int) int {
	for i := 0; i < len(text); {
		end := i + 1
		switch {
		case text[i] == '"':
			end = stringEnd(text, i)
		case space(text[i]):
			for end < len(text) && space(text[end]) {
				end++
			}
		}
		kept := end - i
		if space(text[i]) {
			kept = 0
			if i > 0 && end < len(text) && joins(text[i-1]) && joins(text[end]) {
				kept = 1
			}
		}
		if compact < kept {
			return i + compact
		}
		compact -= kept
		i = end
	}
	return len(text)
}
