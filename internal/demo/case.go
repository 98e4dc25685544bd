package demo

import (
	"fmt"
	"strings"
	"time"
)

// caseFile collects the objects of a case.
type caseFile struct {
	group, campaign, malwareName string
	actor, set, operation        made
	malware                      made
	server                       made // infrastructure
	indicators                   []made
	all                          []string // what the report will list

	address, host, sender, subject, registryKey string
	sample                                      sample
	observed                                    []string // observed-data
}

func (c *caseFile) list(ids ...string) { c.all = append(c.all, ids...) }

// tell generates the objects of case number n.
func (g *generator) tell(n int) {
	c := &caseFile{group: pick(g, groupFirst) + " " + pick(g, groupSecond), campaign: "Operation " + pick(g, operationWords)}
	g.tellWho(c)
	g.tellWhat(c)
	g.tellTraces(c)
	g.tellIndicators(c)
	g.tellSightings(c)
	g.tellLater(c)
	g.tellReport(c)
}

// relate makes a relationship and returns its id.
func (g *generator) relate(from, verb, to string, props ...member) string {
	base := fields{{"relationship_type", verb}}
	base = append(base, props...)
	return g.add("relationship", append(base, member{"source_ref", from}, member{"target_ref", to})).id
}

func (g *generator) authorIdentity() string {
	name := authors[g.seed%uint64(len(authors))]
	return g.shared("identity", authorKey, fields{{"name", name},
		{"description", name + " writes up attacks for those who share an agreement with it. An invented organisation."},
		{"roles", []string{"analysis"}}, {"identity_class", "organization"}, {"sectors", []string{"technology"}},
		{"contact_information", "desk@" + strings.ReplaceAll(strings.ToLower(name), " ", "-") + ".example"}})
}

func (g *generator) sector(name string) string {
	return g.shared("identity", "sector "+name, fields{{"name", "Organisations in " + strings.ReplaceAll(name, "-", " ")},
		{"identity_class", "class"}, {"sectors", []string{name}}})
}

func (g *generator) victim(name string) string {
	title := strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
	return g.shared("identity", "victim "+name, fields{{"name", title},
		{"description", "Took part in the investigation."}, {"identity_class", "organization"}})
}

func (g *generator) country(i int) string {
	c := countries[i]
	return g.shared("location", c.code, fields{{"name", c.name}, {"latitude", c.latitude}, {"longitude", c.longitude},
		{"precision", 400000.0}, {"region", c.region}, {"country", c.code}})
}

func (g *generator) technique(i int) string {
	t := techniques[i]
	return g.shared("attack-pattern", t.id, fields{{"name", t.name}, {"description", t.how},
		{"kill_chain_phases", []fields{{{"kill_chain_name", "mitre-attack"}, {"phase_name", t.phase}}}},
		{"external_references", []fields{{{"source_name", "mitre-attack"}, {"external_id", t.id}}}}})
}

func (g *generator) tool(i int) string {
	return g.shared("tool", toolStems[i], fields{{"name", toolStems[i]},
		{"description", "Freely available; administrators use it as well, so its presence alone proves nothing."},
		{"tool_types", []string{toolKinds[i]}}, {"tool_version", fmt.Sprintf("%d.%d", 1+i%4, i)}})
}

// tellWho generates the group, its actor, the campaign and its targets.
func (g *generator) tellWho(c *caseFile) {
	began := g.clock.AddDate(0, -g.between(2, 30), 0)
	motive := pick(g, motives)
	level := pick(g, []string{"team", "organization", "government", "club"})
	c.set = g.add("intrusion-set", fields{{"name", c.group},
		{"description", "A set of break-ins that share servers, tools and working hours."},
		{"aliases", []string{fmt.Sprintf("UNK-%04d", g.between(100, 9999))}},
		{"first_seen", stamp(began)}, {"goals", some(g, 2, goals)},
		{"resource_level", level}, {"primary_motivation", motive}})
	actor := fields{{"name", c.group + " operators"},
		{"description", "The people behind " + c.group + ". They work regular hours and keep to a few providers."},
		{"threat_actor_types", []string{pick(g, []string{"crime-syndicate", "nation-state", "criminal", "spy"})}},
		{"first_seen", stamp(began)}, {"roles", []string{pick(g, []string{"agent", "director", "malware-author"})}},
		{"goals", some(g, 1, goals)}, {"sophistication", pick(g, []string{"intermediate", "advanced", "expert"})},
		{"resource_level", level}, {"primary_motivation", motive}, {"confidence", g.between(40, 85)}}
	if g.chance(30) {
		actor = append(actor, member{"granular_markings", []fields{{{"marking_ref", g.mark}, {"selectors", []string{"description", "goals.[0]"}}}}})
	}
	c.actor = g.add("threat-actor", actor)
	c.operation = g.add("campaign", fields{{"name", c.campaign},
		{"description", fmt.Sprintf("%s against a narrow choice of organisations, in waves of two to three weeks.", c.campaign)},
		{"first_seen", stamp(g.clock.AddDate(0, -1, -g.between(0, 20)))}, {"objective", pick(g, goals)}})
	c.list(c.set.id, c.actor.id, c.operation.id)
	c.list(g.relate(c.set.id, "attributed-to", c.actor.id), g.relate(c.operation.id, "attributed-to", c.set.id))
	for _, name := range some(g, 2, sectors) {
		sector := g.sector(name)
		c.list(sector, g.relate(c.operation.id, "targets", sector))
	}
	place := g.country(g.r.IntN(len(countries)))
	c.list(place, g.relate(c.set.id, "targets", place))
}

// tellWhat generates malware, techniques, tools, infrastructure and the exploited vulnerability.
func (g *generator) tellWhat(c *caseFile) {
	kind := pick(g, malwareKinds)
	c.malwareName = pick(g, malwareStems) + kind.ending
	c.malware = g.add("malware", fields{{"name", c.malwareName},
		{"description", c.malwareName + " " + kind.does + "."}, {"malware_types", []string{kind.kind}}, {"is_family", true},
		{"first_seen", stamp(g.clock.AddDate(0, -g.between(1, 9), 0))},
		{"architecture_execution_envs", []string{"x86-64"}},
		{"implementation_languages", []string{pick(g, []string{"c++", "go", "c#", "rust"})}},
		{"capabilities", kind.capabilities}})
	c.server = g.add("infrastructure", fields{{"name", "Servers of " + c.campaign},
		{"description", "Rented by the month, paid ahead, replaced as soon as one is named in public."},
		{"infrastructure_types", []string{"command-and-control", "hosting-malware"}},
		{"first_seen", stamp(g.clock.AddDate(0, -1, 0))}})
	product := pick(g, products)
	cve := fmt.Sprintf("CVE-%d-9%05d", g.clock.Year(), g.r.IntN(100_000))
	flaw := g.add("vulnerability", fields{{"name", cve},
		{"description", fmt.Sprintf("In %s %s %s %s.", product.vendor, product.name, product.version, pick(g, faults))},
		{"external_references", []fields{{{"source_name", "cve"}, {"external_id", cve}}}}})
	c.list(c.malware.id, c.server.id, flaw.id)
	c.list(g.relate(c.operation.id, "uses", c.malware.id), g.relate(c.malware.id, "beacons-to", c.server.id),
		g.relate(c.malware.id, "exploits", flaw.id), g.relate(c.set.id, "uses", c.server.id))
	for _, i := range some(g, 3, indices(len(techniques))) {
		technique := g.technique(i)
		c.list(technique, g.relate(c.set.id, "uses", technique, member{"description", "Seen in at least two of the break-ins."}))
	}
	tool := g.tool(g.r.IntN(len(toolStems)))
	c.list(tool, g.relate(c.operation.id, "uses", tool))
	if g.chance(60) {
		cure := g.add("course-of-action", fields{{"name", "Close " + cve},
			{"description", fmt.Sprintf("Install the vendor's update of %s %s; until then keep its administration off the internet.", product.vendor, product.name)}})
		c.list(cure.id, g.relate(cure.id, "mitigates", flaw.id))
	}
	if g.chance(50) {
		software := g.observe("software", fields{{"name", product.name}, {"vendor", product.vendor}, {"version", product.version},
			{"cpe", fmt.Sprintf("cpe:2.3:a:%s:%s:%s:*:*:*:*:*:*:*", product.vendor, strings.ReplaceAll(product.name, " ", "_"), product.version)}}, nil)
		c.list(software)
	}
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// tellTraces generates the observables of a case and wraps them as observed data.
func (g *generator) tellTraces(c *caseFile) {
	c.address, c.host = g.ipv4(), g.domain()
	address := g.observeIPv4(c.address)
	host := g.observeDomain(c.host, address)
	c.sender = pick(g, mailboxes) + "@" + c.host
	c.subject = pick(g, subjects)
	c.sample = g.observeFile(pick(g, fileStems) + "-" + g.hex(2) + pick(g, fileEnds))
	c.registryKey = `HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run`

	seen := g.clock.Add(-time.Duration(g.between(3, 40)) * time.Hour)
	victim := g.observeIPv4(g.ipv4())
	traffic := g.observeTraffic(victim, address, seen)
	g.wrap(c, seen, g.between(1, 40), victim, address, traffic)
	g.wrap(c, seen, 1, g.observeMail(c.sender, c.subject)...)
	command := fmt.Sprintf(`C:\Windows\System32\rundll32.exe C:\ProgramData\%s,Start`, c.sample.name)
	process := g.observeProcess(c.sample, command)
	key := g.observeRegistryKey(c.registryKey, "Update "+g.hex(2), `C:\ProgramData\`+c.sample.name)
	g.wrap(c, seen, g.between(1, 6), c.sample.id, process, key)
	link := g.observe("url", fields{{"value", g.url(c.host)}}, nil)
	g.wrap(c, seen, g.between(1, 15), link, host)

	c.list(g.relate(c.server.id, "consists-of", host), g.relate(c.server.id, "consists-of", address))
	analysis := g.add("malware-analysis", fields{{"product", "halden-sandbox"}, {"version", "5.2"},
		{"analysis_started", stamp(g.clock.Add(-30 * time.Minute))}, {"analysis_ended", stamp(g.clock.Add(-22 * time.Minute))},
		{"result_name", c.malwareName}, {"result", "malicious"}, {"sample_ref", c.sample.id}})
	c.list(analysis.id, g.relate(analysis.id, "dynamic-analysis-of", c.malware.id))
}

func (g *generator) wrap(c *caseFile, seen time.Time, times int, refs ...string) {
	last := seen
	if times > 1 {
		last = seen.Add(time.Duration(g.between(2, 90)) * time.Minute)
	}
	o := g.add("observed-data", fields{{"first_observed", stamp(seen)}, {"last_observed", stamp(last)},
		{"number_observed", times}, {"object_refs", refs}})
	c.observed = append(c.observed, o.id)
	c.list(o.id)
}

// tellIndicators generates indicators of some kinds and their relationships.
func (g *generator) tellIndicators(c *caseFile) {
	for _, maker := range some(g, 9, clueMakers) {
		clue := maker(g, c)
		props := fields{{"name", clue.name}, {"description", clue.why},
			{"indicator_types", []string{pick(g, []string{"malicious-activity", "malicious-activity", "compromised", "attribution"})}},
			{"pattern", clue.pattern}}
		if clue.patternType == "" {
			props = append(props, member{"pattern_type", "stix"}, member{"pattern_version", "2.1"})
		} else {
			props = append(props, member{"pattern_type", clue.patternType})
		}
		from := g.clock.Add(-time.Duration(g.between(1, 96)) * time.Hour)
		if !clue.from.IsZero() {
			from = clue.from
		}
		props = append(props, member{"valid_from", stamp(from)})
		if g.chance(60) {
			props = append(props, member{"valid_until", stamp(from.AddDate(0, g.between(2, 6), 0))})
		}
		props = append(props, member{"confidence", g.between(30, 95)},
			member{"kill_chain_phases", []fields{{{"kill_chain_name", "mitre-attack"}, {"phase_name", pick(g, techniques).phase}}}})
		if g.chance(25) {
			props = append(props, member{"labels", some(g, 2, []string{"shared-by-partner", "automated", "reviewed", "high-volume"})})
		}
		indicator := g.add("indicator", props)
		c.indicators = append(c.indicators, indicator)
		c.list(indicator.id, g.relate(indicator.id, "indicates", c.malware.id))
		if g.chance(40) {
			c.list(g.relate(indicator.id, "based-on", pick(g, c.observed)))
		}
	}
}

// tellSightings generates sightings of some indicators by other organisations.
func (g *generator) tellSightings(c *caseFile) {
	for _, indicator := range some(g, 3, c.indicators) {
		who := g.victim(pick(g, victims))
		first := g.clock.Add(-time.Duration(g.between(1, 30)) * time.Hour)
		s := g.add("sighting", fields{{"first_seen", stamp(first)}, {"last_seen", stamp(first.Add(time.Duration(g.between(0, 55)) * time.Minute))},
			{"count", g.between(1, 60)}, {"sighting_of_ref", indicator.id},
			{"observed_data_refs", []string{pick(g, c.observed)}}, {"where_sighted_refs", []string{who}}})
		c.list(s.id)
	}
}

// tellLater generates later versions of some objects.
func (g *generator) tellLater(c *caseFile) {
	g.clock = g.clock.Add(time.Duration(g.between(20, 60)) * time.Hour)
	for i := range c.indicators {
		if g.chance(25) {
			g.revise(&c.indicators[i], member{"confidence", g.between(60, 100)})
		}
		if g.chance(8) {
			g.revise(&c.indicators[i], member{"description", "Withdrawn: the address was given to somebody else."}, member{"revoked", true})
		}
	}
	g.revise(&c.malware, member{"aliases", []string{c.malwareName + "2", "W64." + c.malwareName}})
	g.revise(&c.actor, member{"confidence", g.between(60, 95)}, member{"last_seen", stamp(g.clock)})
	if g.chance(50) {
		g.revise(&c.operation, member{"last_seen", stamp(g.clock)})
	}
	note := g.add("note", fields{{"abstract", "Working hours"},
		{"content", fmt.Sprintf("Activity of %s falls between %02d:00 and %02d:00 UTC on working days.", c.group, g.between(4, 8), g.between(13, 17))},
		{"authors", []string{"Night desk"}}, {"object_refs", []string{c.actor.id, c.set.id}}})
	c.list(note.id)
	if g.chance(40) {
		opinion := g.add("opinion", fields{{"explanation", "We see the same servers, but not the same tools."},
			{"opinion", pick(g, []string{"agree", "neutral", "disagree", "strongly-agree"})}, {"object_refs", []string{c.operation.id}}})
		c.list(opinion.id)
	}
}

// tellReport closes the case with a report about everything, sometimes with a translation of its title and a grouping of
// open questions.
func (g *generator) tellReport(c *caseFile) {
	report := g.add("report", fields{{"name", c.group + ": " + c.campaign},
		{"description", fmt.Sprintf("What is known about %s, how %s works, and what to look for.", c.campaign, c.malwareName)},
		{"report_types", []string{"campaign", "threat-report"}}, {"published", stamp(g.clock)}, {"lang", "en"}, {"object_refs", c.all}})
	if g.chance(50) {
		g.add("language-content", fields{{"object_ref", report.id}, {"object_modified", stamp(g.clock)},
			{"contents", fields{{"de", fields{{"name", c.group + ": Lagebericht"}}}, {"fr", fields{{"name", c.group + " : note de situation"}}}}}})
	}
	if g.chance(40) {
		g.add("grouping", fields{{"name", "Open questions on " + c.malwareName}, {"context", "suspicious-activity"},
			{"object_refs", some(g, 4, c.all)}})
	}
	if g.chance(40) {
		g.revise(&report, member{"description", "Final edition. The servers that were named are no longer reachable."})
	}
}
