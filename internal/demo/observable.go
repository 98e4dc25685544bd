package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// observables is the namespace of the identifiers of cyber-observable objects (STIX 2.1, section 2.9).
var observables = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")

// observe adds a cyber-observable object once. contributing are the properties that its identifier is computed from (STIX
// 2.1, section 2.9), others the rest.
func (g *generator) observe(typ string, contributing, others fields) string {
	name := appendFields(nil, contributing.canonical())
	u := uuid.NewSHA1(observables, name)
	id := typ + "--" + u.String()
	if g.seen[u] {
		return id
	}
	g.seen[u] = true
	props := fields{{"type", typ}, {"spec_version", "2.1"}, {"id", id}}
	props = append(append(props, contributing...), others...)
	// Whose network a number is can be looked up in public: it carries no marking, so that whoever names it says the same.
	if marked := g.mark != "" && g.chance(60); marked && typ != "autonomous-system" {
		props = append(props, member{"object_marking_refs", []string{g.mark}})
	}
	g.emit(props)
	return id
}

func (g *generator) ipv4() string {
	return fmt.Sprintf("%s.%d", pick(g, []string{"192.0.2", "198.51.100", "203.0.113"}), g.between(1, 254))
}

func (g *generator) ipv6() string {
	return fmt.Sprintf("2001:db8:%x:%x::%x", g.between(1, 0xffff), g.between(1, 0xffff), g.between(1, 0xffff))
}

func (g *generator) domain() string {
	label := pick(g, domainWords) + pick(g, []string{"-", "", "-"}) + pick(g, domainEnds)
	if g.chance(70) {
		label += fmt.Sprintf("%d", g.between(2, 9999))
	}
	if g.chance(45) {
		label = pick(g, hostWords) + "." + label
	}
	return label + ".example"
}

func (g *generator) url(host string) string {
	return "https://" + host + "/" + pick(g, pathWords) + "/" + g.hex(6) + pick(g, []string{"", ".php", ".aspx", "?id=" + g.hex(4)})
}

// hex draws n octets as hexadecimal digits.
func (g *generator) hex(n int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "%02x", g.r.IntN(256))
	}
	return b.String()
}

func (g *generator) observeIPv4(value string) string {
	var others fields
	if g.chance(30) {
		others = fields{{"belongs_to_refs", []string{g.observeAS()}}}
	}
	return g.observe("ipv4-addr", fields{{"value", value}}, others)
}

func (g *generator) observeAS() string {
	i := g.r.IntN(len(providers))
	return g.observe("autonomous-system", fields{{"number", 64496 + i}}, fields{{"name", providers[i]}})
}

func (g *generator) observeDomain(value, resolvesTo string) string {
	return g.observe("domain-name", fields{{"value", value}}, fields{{"resolves_to_refs", []string{resolvesTo}}})
}

// sample is a file with the names that patterns use.
type sample struct {
	id, name, sha256, md5 string
}

func (g *generator) observeFile(name string) sample {
	s := sample{name: name, sha256: g.hex(32)}
	hashes, counts := fields{{"SHA-256", s.sha256}}, fields{{"SHA-256", s.sha256}}
	if g.chance(50) {
		s.md5 = g.hex(16)
		// The identifier is computed from one hash, MD5 before SHA-256.
		counts, hashes = fields{{"MD5", s.md5}}, append(fields{{"MD5", s.md5}}, hashes...)
	}
	u := uuid.NewSHA1(observables, appendFields(nil, fields{{"hashes", counts}, {"name", name}}.canonical()))
	s.id = "file--" + u.String()
	if g.seen[u] {
		return s
	}
	g.seen[u] = true
	props := fields{{"type", "file"}, {"spec_version", "2.1"}, {"id", s.id}, {"hashes", hashes},
		{"size", g.between(9_000, 4_000_000)}, {"name", name}}
	if strings.HasSuffix(name, ".exe") || strings.HasSuffix(name, ".dll") {
		props = append(props, member{"magic_number_hex", "4d5a"}, member{"mime_type", "application/vnd.microsoft.portable-executable"})
	}
	g.emit(props)
	return s
}

func (g *generator) observeTraffic(from, to string, start time.Time) string {
	port := pick(g, []int{80, 443, 443, 8080, 8443, 53})
	protocol := map[int]string{80: "http", 443: "https", 8080: "http", 8443: "https", 53: "domain"}[port]
	return g.observe("network-traffic", fields{
		{"start", stamp(start)},
		{"end", stamp(start.Add(time.Duration(g.between(1, 900)) * time.Second))},
		{"src_ref", from}, {"dst_ref", to},
		{"src_port", g.between(49152, 65535)}, {"dst_port", port},
		{"protocols", []string{"ipv4", "tcp", protocol}},
	}, fields{{"src_byte_count", g.between(400, 90_000)}, {"dst_byte_count", g.between(300, 2_000_000)}})
}

// observeProcess adds a process, which has no contributing properties (STIX 2.1, section 6.13.1).
func (g *generator) observeProcess(image sample, commandLine string) string {
	id := "process--" + g.uuid4()
	g.emit(fields{{"type", "process"}, {"spec_version", "2.1"}, {"id", id}, {"pid", g.between(600, 29_000)},
		{"command_line", commandLine}, {"image_ref", image.id}})
	return id
}

func (g *generator) observeRegistryKey(key, name, data string) string {
	return g.observe("windows-registry-key", fields{{"key", key},
		{"values", []fields{{{"name", name}, {"data", data}, {"data_type", "REG_SZ"}}}}}, nil)
}

// observeMail adds a message and the addresses of sender and recipient.
func (g *generator) observeMail(sender, subject string) []string {
	from := g.observe("email-addr", fields{{"value", sender}}, fields{{"display_name", pick(g, displayNames)}})
	to := g.observe("email-addr", fields{{"value", pick(g, mailboxes) + "@" + pick(g, victims) + ".example"}}, nil)
	message := g.observe("email-message",
		fields{{"from_ref", from}, {"subject", subject}},
		fields{{"to_refs", []string{to}}, {"is_multipart", false}, {"date", stamp(g.clock.Add(-time.Duration(g.between(1, 72)) * time.Hour))}})
	return []string{from, to, message}
}
