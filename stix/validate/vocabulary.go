package validate

import "strings"

// vocabulary is an open vocabulary of section 10, whose values SHOULD be used.
type vocabulary struct {
	name   string
	values map[string]struct{}
}

func (v *vocabulary) has(value []byte) bool {
	_, ok := v.values[string(value)]
	return ok
}

// vocabularies holds the open vocabularies (section 10), with the values added in Errata 01.
var vocabularies = func() map[string]*vocabulary {
	all := map[string]*vocabulary{}
	for _, line := range strings.Split(strings.ReplaceAll(vocabularyText+vocabulary20, "\n ", " "), "\n") {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		v := &vocabulary{name: name, values: map[string]struct{}{}}
		for value := range strings.FieldsSeq(rest) {
			v.values[value] = struct{}{}
		}
		all[name] = v
	}
	return all
}()

const vocabularyText = `
account-type-ov: facebook ldap nis openid radius skype tacacs twitter unix windows-local windows-domain
attack-motivation-ov: accidental coercion dominance ideology notoriety organizational-gain personal-gain
 personal-satisfaction revenge unpredictable
attack-resource-level-ov: individual club contest team organization government
grouping-context-ov: suspicious-activity malware-analysis unspecified
hash-algorithm-ov: MD5 SHA-1 SHA-256 SHA-512 SHA3-256 SHA3-512 SSDEEP TLSH
identity-class-ov: individual group system organization class unknown
implementation-language-ov: applescript bash c c++ c# go java javascript lua objective-c perl php powershell python
 ruby rust scala swift typescript visual-basic x86-32 x86-64
indicator-type-ov: anomalous-activity anonymization benign compromised malicious-activity attribution unknown
industry-sector-ov: agriculture aerospace automotive chemical commercial communications construction defense education
 energy entertainment financial-services government emergency-services government-local government-national
 government-public-services government-regional healthcare hospitality-leisure infrastructure dams nuclear water
 insurance legal manufacturing mining non-profit pharmaceuticals retail technology telecommunications transportation
 utilities
infrastructure-type-ov: amplification anonymization botnet command-and-control control-system exfiltration firewall
 hosting-malware hosting-target-lists phishing reconnaissance routers-switches staging workstation unknown
malware-capabilities-ov: accesses-remote-machines anti-debugging anti-disassembly anti-emulation anti-memory-forensics
 anti-sandbox anti-vm captures-input-peripherals captures-output-peripherals captures-system-state-data
 cleans-traces-of-infection commits-fraud communicates-with-c2 compromises-data-availability
 compromises-data-integrity compromises-system-availability controls-local-machine degrades-security-software
 degrades-system-updates determines-c2-server emails-spam escalates-privileges evades-av exfiltrates-data
 fingerprints-host hides-artifacts hides-executing-code infects-files infects-remote-machines
 installs-other-components persists-after-system-reboot prevents-artifact-access prevents-artifact-deletion
 probes-network-environment self-modifies steals-authentication-credentials violates-system-operational-integrity
malware-result-ov: malicious suspicious benign unknown
malware-type-ov: adware backdoor bot bootkit ddos downloader dropper exploit-kit keylogger ransomware
 remote-access-trojan resource-exploitation rogue-security-software rootkit screen-capture spyware trojan unknown
 virus webshell wiper worm
pattern-type-ov: stix pcre sigma snort suricata yara
processor-architecture-ov: alpha arm ia-64 mips powerpc sparc x86 x86-64
region-ov: africa eastern-africa middle-africa northern-africa southern-africa western-africa americas caribbean
 central-america latin-america-caribbean northern-america south-america asia central-asia eastern-asia southern-asia
 south-eastern-asia western-asia europe eastern-europe northern-europe southern-europe western-europe oceania
 antarctica australia-new-zealand melanesia micronesia polynesia
report-type-ov: attack-pattern campaign identity incident indicator intrusion-set malware observed-data threat-actor
 threat-report tool vulnerability
threat-actor-type-ov: activist competitor crime-syndicate criminal hacker insider-accidental insider-disgruntled
 nation-state private-sector sensationalist spy terrorist unknown
threat-actor-role-ov: agent director independent infrastructure-architect infrastructure-operator malware-author
 sponsor
threat-actor-sophistication-ov: none minimal intermediate advanced expert innovator strategic
tool-type-ov: denial-of-service exploitation information-gathering network-capture credential-exploitation
 remote-access vulnerability-scanning unknown
windows-pebinary-type-ov: dll exe sys
`
