package console

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file alone makes HTML of text that others wrote: visible escapes it, and marks what would not be seen, or would make
// something else be seen than what is there.

const (
	mostMarks = 3    // combining marks after a letter; further ones would cover their neighbours
	mostShown = 4000 // bytes of a text that are shown unfolded
)

// visible returns a text as HTML in which every character can be seen: controls, characters that turn the direction of writing,
// and those without width are replaced by their names. A long text is folded behind its beginning.
func visible(s string) template.HTML {
	var b strings.Builder
	b.WriteString("<bdi>")
	if len(s) <= mostShown+200 {
		writeVisible(&b, s)
	} else {
		cut := mostShown
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		writeVisible(&b, s[:cut])
		fmt.Fprintf(&b, `</bdi><details class="rest"><summary>%s more bytes</summary><bdi>`, thousands(uint64(len(s)-cut)))
		writeVisible(&b, s[cut:])
		b.WriteString("</bdi></details>")
		return template.HTML(b.String())
	}
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

// whole is visible for a text whose length is bounded elsewhere: nothing is folded.
func whole(s string) template.HTML {
	var b strings.Builder
	b.WriteString("<bdi>")
	writeVisible(&b, s)
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

// seen is visible for places that take no markup: titles, attributes, labels on a canvas.
func seen(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unseen(r) {
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// line is visible for a text in a line: it is cut after most characters.
func line(most int, s string) template.HTML {
	var b strings.Builder
	b.WriteString("<bdi>")
	n := 0
	for i := range s {
		if n++; n > most {
			writeVisible(&b, s[:i])
			b.WriteString("…</bdi>")
			return template.HTML(b.String())
		}
	}
	writeVisible(&b, s)
	b.WriteString("</bdi>")
	return template.HTML(b.String())
}

func writeVisible(b *strings.Builder, s string) {
	marks, plain := 0, 0
	flush := func(to int) {
		b.WriteString(html.EscapeString(s[plain:to]))
		plain = to
	}
	for i, r := range s {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				flush(i)
				fmt.Fprintf(b, `<span class="mark" title="a byte that is no UTF-8">\x%02X</span>`, s[i])
				plain = i + 1
				continue
			}
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			marks++
		} else {
			marks = 0
		}
		if !unseen(r) && marks <= mostMarks {
			continue
		}
		flush(i)
		fmt.Fprintf(b, `<span class="mark" title="the character U+%04X, %s">U+%04X</span>`, r, nameOf(r), r)
		plain = i + size
	}
	flush(len(s))
}

// unseen reports whether a character has no look of its own, or changes that of others.
func unseen(r rune) bool {
	switch {
	case r == '\n', r == '\t', r == ' ':
		return false
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == 0x2028, r == 0x2029:
		return true
	case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x2800, r == 0x034F, r == 0x17B4, r == 0x17B5:
		return true // blank letters
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF:
		return true // selectors of variants, and tags
	}
	return unicode.Is(unicode.Zs, r) && r != ' '
}

func nameOf(r rune) string {
	switch {
	case r == 0x202E || r == 0x202D || r == 0x202A || r == 0x202B || r == 0x202C || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C:
		return "which turns the direction of writing"
	case unicode.IsControl(r):
		return "a control character"
	}
	return "which cannot be seen"
}

// scripts are those whose letters resemble each other.
var scripts = []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee}

// mixes reports whether a label of a name, such as a domain's, has letters of several scripts that resemble each other.
func mixes(name string) bool {
	for label := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '.' || r == '/' || r == '@' || unicode.IsSpace(r) }) {
		found := -1
		for _, r := range label {
			for i, script := range scripts {
				if unicode.Is(script, r) {
					if found >= 0 && found != i {
						return true
					}
					found = i
				}
			}
		}
	}
	return false
}

// defang writes an address so that no program takes it for one.
func defang(s string) string {
	s = strings.NewReplacer("http://", "hxxp://", "https://", "hxxps://", "ftp://", "fxp://").Replace(s)
	return strings.ReplaceAll(strings.ReplaceAll(s, ".", "[.]"), "@", "[@]")
}

// middle shortens an identifier in its middle.
func middle(s string) string {
	kind, id, ok := strings.Cut(s, "--")
	if !ok || len(id) < 20 {
		return s
	}
	return kind + "--" + id[:8] + "…" + id[len(id)-4:]
}

// thousands writes a number with its thousands apart.
func thousands(n uint64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
