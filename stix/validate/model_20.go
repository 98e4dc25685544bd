package validate

import "strings"

// The object types of STIX 2.0 (parts 1 and 2), in the notation of commonModel. Vocabularies of 2.0 begin with "2.0/".

const common20 = `type*:str id*:str created_by_ref:->identity!S-052 created*:ts!S-025 modified*:ts!S-025 revoked:bool
	external_references:[{external-reference}] object_marking_refs:[->marking-definition!S-056]
	granular_markings:[{granular-marking-20}] spec_version:str`

const nested20 = `
granular-marking-20: selectors*:[str!S-060!S-061] marking_ref*:->marking-definition!S-058
`

const model20 = `
attack-pattern: labels:[str] name*:str description:str kill_chain_phases:[{kill-chain-phase}]
campaign: labels:[str] name*:str description:str aliases:[str] first_seen:ts last_seen:ts objective:str
course-of-action: labels:[str] name*:str description:str
identity: labels:[str] name*:str description:str identity_class*:ov=2.0/identity-class-ov sectors:[ov=2.0/industry-sector-ov]
 contact_information:str
indicator: labels*:[ov=2.0/indicator-label-ov] name:str description:str pattern*:str valid_from*:ts valid_until:ts
 kill_chain_phases:[{kill-chain-phase}]
intrusion-set: labels:[str] name*:str description:str aliases:[str] first_seen:ts last_seen:ts goals:[str]
 resource_level:ov=attack-resource-level-ov primary_motivation:ov=attack-motivation-ov
 secondary_motivations:[ov=attack-motivation-ov]
malware: labels*:[ov=2.0/malware-label-ov] name*:str description:str kill_chain_phases:[{kill-chain-phase}]
observed-data: labels:[str] first_observed*:ts last_observed*:ts number_observed*:int objects*:container
report: labels*:[ov=2.0/report-label-ov] name*:str description:str published*:ts object_refs*:[->any!S-127]
threat-actor: labels*:[ov=2.0/threat-actor-label-ov] name*:str description:str aliases:[str] roles:[ov=threat-actor-role-ov]
 goals:[str] sophistication:ov=threat-actor-sophistication-ov resource_level:ov=attack-resource-level-ov
 primary_motivation:ov=attack-motivation-ov secondary_motivations:[ov=attack-motivation-ov]
 personal_motivations:[ov=attack-motivation-ov]
tool: labels*:[ov=2.0/tool-label-ov] name*:str description:str kill_chain_phases:[{kill-chain-phase}] tool_version:str
vulnerability: labels:[str] name*:str description:str
relationship: labels:[str] relationship_type*:str description:str source_ref*:->SDO!S-131 target_ref*:->SDO!S-131
sighting: labels:[str] first_seen:ts last_seen:ts count:int sighting_of_ref*:->SDO!S-134
 observed_data_refs:[->observed-data!S-135] where_sighted_refs:[->identity,location!S-136] summary:bool
`

// marking20 is the marking definition, which has no versions.
const marking20 = `
marking-definition: type*:str id*:str created_by_ref:->identity!S-052 created*:ts!S-025 spec_version:str
 external_references:[{external-reference}] object_marking_refs:[->marking-definition!S-056]
 granular_markings:[{granular-marking-20}] definition_type*:str definition*:any
`

// vocabulary20 lists the open vocabularies of STIX 2.0 (part 2, section 6) that differ from those of 2.1.
const vocabulary20 = `
2.0/hash-algorithm-ov: MD5 MD6 RIPEMD-160 SHA-1 SHA-224 SHA-256 SHA-384 SHA-512 SHA3-224 SHA3-256 SHA3-384 SHA3-512 ssdeep
 WHIRLPOOL
2.0/identity-class-ov: individual group organization class unknown
2.0/indicator-label-ov: anomalous-activity anonymization benign compromised malicious-activity attribution
2.0/industry-sector-ov: agriculture aerospace automotive communications construction defence education energy entertainment
 financial-services government-national government-regional government-local government-public-services healthcare
 hospitality-leisure infrastructure insurance manufacturing mining non-profit pharmaceuticals retail technology
 telecommunications transportation utilities
2.0/malware-label-ov: adware backdoor bot ddos dropper exploit-kit keylogger ransomware remote-access-trojan
 resource-exploitation rogue-security-software rootkit screen-capture spyware trojan virus worm
2.0/report-label-ov: threat-report attack-pattern campaign identity indicator intrusion-set malware observed-data threat-actor
 tool vulnerability
2.0/threat-actor-label-ov: activist competitor crime-syndicate criminal hacker insider-accidental insider-disgruntled
 nation-state sensationalist spy terrorist
2.0/tool-label-ov: denial-of-service exploitation information-gathering network-capture credential-exploitation remote-access
 vulnerability-scanning
`

// objectRules20 lists the rules on whole objects that STIX 2.0 also has.
const objectRules20 = "S-011 S-016 S-017 S-018 S-051 S-062 S-076 S-078 S-101 S-102 S-110 S-111 S-126 S-187 S-188"

// build20 parses the tables of STIX 2.0. It must be called after those of 2.1 are built.
func (m *model) build20() {
	m.structures(nested20, m.nested)
	m.types20 = map[string]*structure{}
	m.structures(model20, m.types20)
	for _, s := range m.types20 {
		m.properties(s, common20)
	}
	m.structures(marking20, m.types20)
	m.custom20 = &structure{name: "custom"}
	m.properties(m.custom20, common20+" labels:[str]")
	for name := range strings.FieldsSeq(objectRules20) {
		m.object20 = append(m.object20, m.byID[name])
	}
}

// finish20 arranges the properties by number. The rules on whole objects are in object20.
func (m *model) finish20() {
	for _, s := range m.types20 {
		m.finish(s)
	}
	m.finish(m.custom20)
}
