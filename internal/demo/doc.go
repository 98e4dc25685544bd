// Package demo generates threat intelligence: STIX 2.1 objects that look plausible, are valid, and are the same for the same
// seed. `accord demo` serves them, and benchmarks are fed with them.
//
// Nothing in it is real. Organisations, groups and malware are invented, hosts end in .example, addresses come from the
// ranges set aside for documentation, CVE numbers lie above those in use. The exceptions are the published TLP
// markings and the names of well-known attack techniques.
//
// It keeps nothing and knows neither the store nor HTTP. Start reading at [All].
package demo
