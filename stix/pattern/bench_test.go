package pattern

import (
	"fmt"
	"strings"
	"testing"
)

// Patterns as used in practice, and a few expensive ones.
var benchmarks = []struct{ name, text string }{
	{"domain", "[domain-name:value = 'evil.example']"},
	{"hash", "[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']"},
	{"two types", "[ipv4-addr:value = '192.0.2.1' OR domain-name:value = 'evil.example']"},
	{"qualified", "([file:name = 'a.exe' AND file:parent_directory_ref.path LIKE 'C:\\\\Windows\\\\%'] FOLLOWEDBY [network-traffic:dst_ref.value ISSUBSET '198.51.100.0/24' AND network-traffic:dst_port IN (80, 443)]) WITHIN 300 SECONDS"},
}

func BenchmarkValidate(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.text)))
			for b.Loop() {
				if !Valid(Validate(bench.text, "2.1")) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(bench.text, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLarge shows that time grows linearly with the text: a kilobyte costs the same at every size of a kind.
func BenchmarkLarge(b *testing.B) {
	for _, kind := range hostile {
		for _, size := range []int{16 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/%dKiB", kind.name, size>>10), func(b *testing.B) {
				text := kind.text(size)
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Validate(text, "")
				}
			})
		}
	}
}

// hostile makes texts of about the given size for which a careless reader takes quadratic time.
var hostile = []struct {
	name string
	text func(size int) string
}{
	{"alternatives", func(n int) string { return "[" + repeat("x-test-thing:a = 1", " OR ", n) + "]" }},
	{"types", func(n int) string {
		var b strings.Builder
		b.WriteString("[x-a:a = 1")
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, " OR x-t%d:a = 1", i)
		}
		return b.String() + "]"
	}},
	{"types in parentheses", func(n int) string {
		deep := "(" + strings.Repeat("(", 250) + repeat("x-a:a = 1", " OR x-b:b = 1 OR ", n) + strings.Repeat(" OR x-c:c = 1)", 251)
		return "[" + deep + "]"
	}},
	{"set", func(n int) string { return "[file:size IN (" + repeat("1", ", ", n) + ")]" }},
	{"unlike set", func(n int) string { return "[file:size IN (" + repeat("1", ", ", n) + ", 'a')]" }},
	{"path", func(n int) string { return "[file:" + repeat("contains_refs[*]", ".", n) + ".name = 'a']" }},
	{"path of faults", func(n int) string { return "[file:" + repeat("contains_refs", ".", n) + ".name = 'a']" }},
	{"warnings", func(n int) string { return "[" + repeat("file:x_no == +1", "\n OR ", n) + "]" }},
	{"errors", func(n int) string { return "[" + repeat("malware:name = t'2024-02-30T00:00:00Z'", "\n OR ", n) + "]" }},
	{"observations", func(n int) string { return repeat("[a:b = 1] REPEATS 0 TIMES", "\n AND ", n) }},
	{"qualifiers", func(n int) string { return "[a:b = 1] " + repeat("REPEATS 2 TIMES", " ", n) }},
	{"classes", func(n int) string { return "[file:name MATCHES '" + strings.Repeat("[[:", n/3) + "']" }},
	{"groups", func(n int) string { return "[file:name MATCHES '" + strings.Repeat("(", n) + "']" }},
	{"escapes", func(n int) string { return "[file:name = '" + strings.Repeat(`\\`, n/2) + "']" }},
	{"colons", func(n int) string { return "[file:hashes.SSDEEP = '3:" + strings.Repeat(":", n) + "']" }},
	{"spaces", func(n int) string {
		return strings.Repeat("\u2003", n/3) + "[EXISTS" + strings.Repeat(" ", n/3) + ":b = 1]"
	}},
	{"base64", func(n int) string { return "[artifact:payload_bin = b'" + strings.Repeat("\n", n) + "AAAA']" }},
	{"open", func(n int) string { return "[file:name = '" + strings.Repeat("a", n) }},
	{"digits", func(n int) string { return "[file:size = " + strings.Repeat("9", n) + "]" }},
}

func repeat(unit, between string, size int) string {
	count := max(1, size/(len(unit)+len(between)))
	return strings.Repeat(unit+between, count-1) + unit
}
