package pattern

import (
	"fmt"
	"strings"
)

// hash warns of an impossible digest (rule S-324): a string compared for equality with the member of a hashes
// dictionary whose key is a standard algorithm. LIKE and MATCHES match parts of digests and are not checked.
func (c *checker) hash(t *Test) {
	if t.Operator != Equal && t.Operator != NotEqual && t.Operator != In || len(t.Path.Steps) < 2 {
		return
	}
	last, dict := t.Path.Steps[len(t.Path.Steps)-1], t.Path.Steps[len(t.Path.Steps)-2]
	if last.Kind != Key || dict.Kind != Key {
		return
	}
	if name := dict.Name(); name != "hashes" && !strings.HasSuffix(name, "_hashes") {
		return
	}
	algorithm := last.Name()
	for i := range t.Values {
		v := &t.Values[i]
		if v.Kind != String {
			continue
		}
		if form := digestFault(algorithm, v.Content()); form != "" {
			c.warn(ruleHash, v.Offset, fmt.Sprintf("found %s as %s; such a digest has %s", clip(v.Text), algorithm, form))
		}
	}
}

// digestFault returns the form that a digest of a standard algorithm must have (section 10.7), or "" if it has that
// form or the algorithm is not in the Standard.
func digestFault(algorithm, digest string) string {
	digits := 0
	switch algorithm {
	case "MD5":
		digits = 32
	case "SHA-1":
		digits = 40
	case "SHA-256", "SHA3-256":
		digits = 64
	case "SHA-512", "SHA3-512":
		digits = 128
	case "SSDEEP":
		parts := strings.SplitN(digest, ":", 3)
		if len(parts) != 3 || parts[0] == "" || strings.Trim(parts[0], "0123456789") != "" {
			return "the form blocksize:chars:chars"
		}
		return ""
	case "TLSH":
		digits = 70
		digest = strings.TrimPrefix(digest, "T1")
	default:
		return ""
	}
	if len(digest) != digits || hexFault(digest) != "" {
		return fmt.Sprintf("%d hexadecimal digits", digits)
	}
	return ""
}
