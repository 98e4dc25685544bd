package index

import (
	"encoding/binary"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// ValueKind says what a text reads as.
type ValueKind uint8

// The kinds of values. Text is everything else.
const (
	Text ValueKind = iota
	Address
	Range
	Domain
	URL
	Hash
	Email
	CVE
	ObjectID
	Name // a value without a form of its own: a registry key, a hardware address, a path
)

// Value is a text in its normal form: letters folded where case has no meaning, and defanged spellings undone.
type Value struct {
	Kind   ValueKind
	Text   string
	Prefix netip.Prefix // Address and Range; an address is a prefix of full length
	Host   string       // URL and Email: the domain, if it is one; for a URL that names an address, Prefix is set
}

// longestValue bounds a value in bytes; a longer text is no value.
const longestValue = 4096

// defanged spellings and what they stand for. The order matters: longer ones come first.
var refanger = strings.NewReplacer(
	"[://]", "://", "[:]//", "://", "[:]", ":", "[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".", "{dot}", ".", "[DOT]", ".", "(DOT)", ".",
	"[@]", "@", "(@)", "@", "[at]", "@", "(at)", "@", "{at}", "@", "[AT]", "@", "(AT)", "@", "[/]", "/",
	"\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "", "\u00ad", "",
)

// brackets are in every spelling that refanger undoes, beside letters outside ASCII.
const brackets = "[({"

var defangedScheme = regexp.MustCompile(`^(?i)(hxxps?|h\*\*ps?|httxs?|https?|fxp|ftp)(?:\[:\]|:)//`)

// Refang undoes the usual spellings that keep an address or a link from being followed by accident.
func Refang(s string) string {
	s = strings.Trim(strings.TrimSpace(s), "\"'<>`")
	plain := isASCII(s)
	if plain && !strings.ContainsAny(s, brackets+":") {
		return s
	}
	if m := defangedScheme.FindString(s); m != "" {
		scheme := strings.TrimRight(strings.ToLower(m), "[:]/")
		switch {
		case scheme[0] == 'f':
			scheme = "ftp"
		case strings.HasSuffix(scheme, "s"):
			scheme = "https"
		default:
			scheme = "http"
		}
		s = scheme + "://" + s[len(m):]
	}
	if plain && !strings.ContainsAny(s, brackets) {
		return s
	}
	return refanger.Replace(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

var (
	cveForm    = regexp.MustCompile(`^(?i)CVE-\d{4}-\d{4,19}$`)
	cveInText  = regexp.MustCompile(`(?i)\bCVE-\d{4}-\d{4,19}\b`)
	macForm    = regexp.MustCompile(`^(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5}$`)
	objectForm = regexp.MustCompile(`^[a-z0-9-]+--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	hiveForm   = regexp.MustCompile(`^(?i)(HKEY_[A-Z_]+|HKLM|HKCU|HKCR|HKU|HKCC)\\`)
)

// isHex reports whether a text has hexadecimal digits alone.
func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// hashLengths are the lengths in hex digits of MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512.
var hashLengths = map[int]bool{32: true, 40: true, 56: true, 64: true, 96: true, 128: true}

// ReadValue says what a text reads as. A text that has no form of its own is Text.
func ReadValue(s string) Value {
	if len(s) > longestValue {
		return Value{Kind: Text, Text: fold(s)}
	}
	plain := Refang(s)
	switch {
	case plain == "":
		return Value{Kind: Text}
	case (plain[0] == 'C' || plain[0] == 'c') && cveForm.MatchString(plain):
		return Value{Kind: CVE, Text: strings.ToUpper(plain)}
	case strings.Contains(plain, "--") && objectForm.MatchString(plain):
		return Value{Kind: ObjectID, Text: strings.ToLower(plain)}
	case hashLengths[len(plain)] && isHex(plain):
		return Value{Kind: Hash, Text: strings.ToLower(plain)}
	case len(plain) == len("00:00:00:00:00:00") && macForm.MatchString(plain):
		return Value{Kind: Name, Text: strings.ToLower(strings.ReplaceAll(plain, "-", ":"))}
	case strings.Contains(plain, "\\") && hiveForm.MatchString(plain):
		return Value{Kind: Name, Text: fold(plain)}
	}
	if p, ok := readPrefix(plain); ok {
		if p.IsSingleIP() {
			return Value{Kind: Address, Text: p.Addr().String(), Prefix: p}
		}
		return Value{Kind: Range, Text: p.String(), Prefix: p}
	}
	if v, ok := readURL(plain); ok {
		return v
	}
	if user, host, ok := strings.Cut(plain, "@"); ok && user != "" && !strings.ContainsAny(plain, " \t\n") {
		if d, ok := readDomain(host); ok {
			return Value{Kind: Email, Text: strings.ToLower(user) + "@" + d, Host: d}
		}
	}
	if d, ok := readDomain(plain); ok {
		return Value{Kind: Domain, Text: d}
	}
	return Value{Kind: Text, Text: fold(plain)}
}

// readPrefix reads an address or a range in CIDR form. An IPv4 address that is written as an IPv6 one is the IPv4 one.
func readPrefix(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.WithZone("").Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

func readDomain(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(s, "*."), "."))
	if len(s) > 253 {
		return "", false
	}
	if !isASCII(s) {
		ascii, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return "", false
		}
		s = ascii
	}
	return s, isDomain(s)
}

// isDomain reports whether a text in lower case is a domain below a top-level one: labels of letters, digits, hyphens and
// underscores, none of which a hyphen begins or ends, and at the end letters, or an internationalised label.
func isDomain(s string) bool {
	last := strings.LastIndexByte(s, '.')
	if last < 0 {
		return false
	}
	for label := range strings.SplitSeq(s[:last], ".") {
		if !isLabel(label) {
			return false
		}
	}
	top := s[last+1:]
	if rest, ok := strings.CutPrefix(top, "xn--"); ok {
		return rest != "" && len(top) <= longestLabel && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	return len(top) >= 2 && len(top) <= longestLabel && strings.Trim(top, "abcdefghijklmnopqrstuvwxyz") == ""
}

// longestLabel bounds a label of a domain (RFC 1035, section 2.3.4).
const longestLabel = 63

func isLabel(s string) bool {
	if s == "" || len(s) > longestLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// readURL reads an absolute URL. Scheme and host are folded, a default port and an empty path are left out, and the
// fragment is kept: it may be what tells two links apart.
func readURL(s string) (Value, bool) {
	if !strings.Contains(s, "://") || strings.ContainsAny(s, " \t\n") {
		return Value{}, false
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme == "" {
		return Value{}, false
	}
	v := Value{Kind: URL}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if p, ok := readPrefix(host); ok && p.IsSingleIP() {
		v.Prefix = p
		if host = p.Addr().String(); p.Addr().Is6() {
			host = "[" + host + "]"
		}
	} else if d, ok := readDomain(host); ok {
		host, v.Host = d, d
	}
	scheme := strings.ToLower(u.Scheme)
	if port != "" && !(scheme == "http" && port == "80" || scheme == "https" && port == "443" || scheme == "ftp" && port == "21") {
		host += ":" + port
	}
	var b strings.Builder
	b.WriteString(scheme + "://")
	if u.User != nil {
		b.WriteString(u.User.String() + "@")
	}
	b.WriteString(host)
	if p := u.EscapedPath(); p != "" && p != "/" {
		b.WriteString(p)
	} else {
		b.WriteByte('/')
	}
	if u.RawQuery != "" {
		b.WriteString("?" + u.RawQuery)
	}
	if u.Fragment != "" {
		b.WriteString("#" + u.EscapedFragment())
	}
	v.Text = b.String()
	return v, true
}

// fold is the form in which texts without letter case are compared.
func fold(s string) string {
	if !isASCII(s) {
		return strings.ToLower(norm.NFKC.String(s))
	}
	return strings.ToLower(s) // ASCII is its own normal form
}

// parents are a domain and the domains above it, without the top-level one.
func parents(domain string) []string {
	list := []string{domain}
	for {
		_, rest, ok := strings.Cut(domain, ".")
		if !ok || !strings.Contains(rest, ".") {
			return list
		}
		domain = rest
		list = append(list, domain)
	}
}

// addressKey is a prefix in the order of addresses: 16 bytes of the first address, IPv4 ones mapped, and the length.
type addressKey [17]byte

func keyOfPrefix(p netip.Prefix) (k addressKey) {
	a := p.Addr().As16()
	copy(k[:], a[:])
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	k[16] = byte(bits)
	return k
}

// lastOf is the last address of a prefix, as addressKey has it, with the greatest length.
func lastOf(p netip.Prefix) (k addressKey) {
	k = keyOfPrefix(p)
	bits := int(k[16])
	for i := range 16 {
		if free := 8*(i+1) - bits; free >= 8 {
			k[i] = 0xff
		} else if free > 0 {
			k[i] |= byte(1<<free - 1)
		}
	}
	k[16] = 0xff
	return k
}

// masked is an address cut to a length, as addressKey has it.
func (k addressKey) masked(bits int) addressKey {
	hi, lo := binary.BigEndian.Uint64(k[:]), binary.BigEndian.Uint64(k[8:])
	switch {
	case bits == 0:
		hi, lo = 0, 0
	case bits <= 64:
		hi, lo = hi&^(1<<(64-bits)-1), 0
	case bits < 128:
		lo &^= 1<<(128-bits) - 1
	}
	binary.BigEndian.PutUint64(k[:], hi)
	binary.BigEndian.PutUint64(k[8:], lo)
	k[16] = byte(bits)
	return k
}

// baseName is the last element of a path of either kind of separator.
func baseName(s string) string { return path.Base(strings.ReplaceAll(s, "\\", "/")) }
