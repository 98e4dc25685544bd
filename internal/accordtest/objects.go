package accordtest

import (
	"fmt"
	"time"
)

// IndicatorID returns the identifier of the n-th indicator.
func IndicatorID(n int) string {
	return fmt.Sprintf("indicator--7d3f9c2a-51b4-4e08-9a6d-%012x", n)
}

// Modified returns what the v-th version of an object has as modified, v from 0.
func Modified(v int) string {
	return time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(v) * time.Hour).Format("2006-01-02T15:04:05.000Z")
}

// Indicator returns the v-th version of the n-th indicator: valid STIX 2.1, as compact JSON.
func Indicator(n, v int) []byte {
	return fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":"%s","created":"2024-03-01T12:00:00.000Z","modified":"%s",`+
		`"name":"Beacon host %d","description":"Version %d","indicator_types":["malicious-activity"],`+
		`"pattern":"[domain-name:value = 'c%d.beacon.example']","pattern_type":"stix","pattern_version":"2.1",`+
		`"valid_from":"2024-03-01T12:00:00Z"}`, IndicatorID(n), Modified(v), n, v, n)
}

// Indicators returns the first versions of the indicators from, from+1, ... below to.
func Indicators(from, to int) [][]byte {
	var list [][]byte
	for n := from; n < to; n++ {
		list = append(list, Indicator(n, 0))
	}
	return list
}

// ToolID returns the identifier of the n-th tool.
func ToolID(n int) string {
	return fmt.Sprintf("tool--2b6e8d10-94c7-4f3a-8e21-%012x", n)
}

// Tool returns the v-th version of the n-th tool in STIX 2.1.
func Tool(n, v int) []byte {
	return fmt.Appendf(nil, `{"type":"tool","spec_version":"2.1","id":"%s","created":"2024-03-01T12:00:00.000Z","modified":"%s",`+
		`"name":"Remote helper %d","description":"Version %d"}`, ToolID(n), Modified(v), n, v)
}

// Tool20 returns the v-th version of the n-th tool in STIX 2.0, which has no spec_version.
func Tool20(n, v int) []byte {
	return fmt.Appendf(nil, `{"type":"tool","id":"%s","created":"2024-03-01T12:00:00.000Z","modified":"%s",`+
		`"name":"Remote helper %d","labels":["remote-access"]}`, ToolID(n), Modified(v), n)
}

// DomainID is the identifier of the domain name Domain.
const DomainID = "domain-name--b5816a3e-3563-566e-b6bc-e64347dbef71"

// Domain returns an SCO: it has no version of its own. With another note it is another content of the same object.
func Domain(note string) []byte {
	return fmt.Appendf(nil, `{"type":"domain-name","spec_version":"2.1","id":"%s","value":"beacon.example","x_note":"%s"}`, DomainID, note)
}
