package demo

import (
	"fmt"
	"strings"
	"time"
)

// clue is the content of an indicator: its pattern, a name and a reason.
type clue struct {
	pattern     string
	patternType string // "" for stix
	name        string
	why         string
	from        time.Time // valid_from if the pattern names a time; otherwise drawn
}

// quote writes a string constant of a STIX pattern (STIX 2.1, section 9.2).
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// clueMakers derive indicators from a case. Together they use every part of the pattern language that occurs in practice.
var clueMakers = []func(*generator, *caseFile) clue{
	func(g *generator, c *caseFile) clue {
		return clue{pattern: "[ipv4-addr:value = " + quote(c.address) + "]", name: "Address " + c.address,
			why: "Control server of " + c.malwareName + ", seen in several networks."}
	},
	func(g *generator, c *caseFile) clue {
		host := g.domain()
		return clue{pattern: "[domain-name:value = " + quote(host) + "]", name: "Domain " + host,
			why: "Registered together with other hosts of the campaign."}
	},
	func(g *generator, c *caseFile) clue {
		link := g.url(c.host)
		return clue{pattern: "[url:value = " + quote(link) + "]", name: "Download link on " + c.host,
			why: "Serves the first stage to browsers that send the expected header."}
	},
	func(g *generator, c *caseFile) clue {
		pattern := "file:hashes.'SHA-256' = " + quote(c.sample.sha256)
		if c.sample.md5 != "" {
			pattern += " OR file:hashes.MD5 = " + quote(c.sample.md5)
		}
		return clue{pattern: "[" + pattern + "]", name: "Sample " + c.sample.name, why: "A build of " + c.malwareName + " as it was delivered."}
	},
	func(g *generator, c *caseFile) clue {
		word := strings.ToLower(strings.Fields(c.subject)[0])
		return clue{pattern: fmt.Sprintf("[email-message:sender_ref.value = %s AND email-message:subject LIKE %s]", quote(c.sender), quote("%"+word+"%")),
			name: "Lure from " + c.sender, why: "The first message of the campaign; the subject varies, the sender does not."}
	},
	func(g *generator, c *caseFile) clue {
		return clue{pattern: fmt.Sprintf("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = %s AND network-traffic:dst_port = %d] REPEATS %d TIMES WITHIN %d SECONDS",
			quote(c.address), pick(g, []int{443, 8443, 8080}), g.between(3, 12), g.between(2, 20)*60),
			name: "Beacon to " + c.address, why: "The implant calls home at even intervals."}
	},
	func(g *generator, c *caseFile) clue {
		return clue{pattern: fmt.Sprintf("([file:name = %s] FOLLOWEDBY [process:command_line MATCHES %s]) WITHIN 600 SECONDS",
			quote(c.sample.name), quote(`rundll32(\.exe)?\s+.*,`+pick(g, []string{"Start", "Run", "Entry"}))),
			name: "Loading of " + c.sample.name, why: "The file is dropped and loaded within minutes."}
	},
	func(g *generator, c *caseFile) clue {
		return clue{pattern: fmt.Sprintf("[windows-registry-key:key = %s AND windows-registry-key:values[*].data LIKE %s]",
			quote(c.registryKey), quote("%"+c.sample.name+"%")),
			name: "Autostart of " + c.malwareName, why: "This is how it comes back after a restart."}
	},
	func(g *generator, c *caseFile) clue {
		net := fmt.Sprintf("203.0.113.%d/28", g.r.IntN(16)*16)
		return clue{pattern: "[ipv4-addr:value ISSUBSET " + quote(net) + "]", name: "Network " + net,
			why: "The provider gives the whole block to one customer."}
	},
	func(g *generator, c *caseFile) clue {
		names := []string{quote(g.domain()), quote(g.domain()), quote(g.domain())}
		return clue{pattern: "[domain-name:value IN (" + strings.Join(names, ", ") + ")]", name: "Fallback domains of " + c.malwareName,
			why: "Tried in turn when the first server does not answer."}
	},
	func(g *generator, c *caseFile) clue {
		mutex := `Global\` + g.hex(8)
		return clue{pattern: "[mutex:name = " + quote(mutex) + "]", name: "Mutex of " + c.malwareName, why: "Set so that only one copy runs."}
	},
	func(g *generator, c *caseFile) clue {
		from := g.clock.Add(-48 * time.Hour).Truncate(time.Hour)
		return clue{pattern: fmt.Sprintf("[ipv6-addr:value = %s] START t'%s' STOP t'%s'", quote(g.ipv6()), stamp(from), stamp(from.Add(72*time.Hour))),
			from: from, name: "Staging host", why: "Held for three days and given up again."}
	},
	func(g *generator, c *caseFile) clue {
		return clue{pattern: fmt.Sprintf("[x509-certificate:serial_number = %s AND NOT EXISTS x509-certificate:validity_not_before] OR [url:value LIKE %s]",
			quote(g.hex(10)), quote("https://"+c.host+"/%")), name: "Certificate of " + c.host, why: "Self-signed, and used on every server of the set."}
	},
	func(g *generator, c *caseFile) clue {
		id := strings.ReplaceAll(strings.ToLower(c.malwareName), " ", "_")
		return clue{patternType: "yara", pattern: fmt.Sprintf("rule %s {\n  strings:\n    $key = { %s }\n    $path = \"%s\" ascii wide\n  condition:\n    uint16(0) == 0x5a4d and all of them\n}",
			id, g.hex(6), c.sample.name), name: "Rule for " + c.malwareName, why: "Finds the builds of this year by the key that they share."}
	},
}
