package validate

import (
	"bytes"
	"strings"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
	"github.com/accord-taxii/accord/stix/pattern"
)

// sdoRules lists the rules on STIX Domain Objects (section 4).
var sdoRules = []Rule{
	{ID: "S-109", Level: definition, Severity: Warning, Layer: layerSemantic, Section: "4.7.1",
		Summary: "pattern_version of a STIX pattern is a version of the STIX patterning language: 2.0 or 2.1.", types: "indicator", object: knownPatternVersion},
	{ID: "S-110", Level: must, Severity: Error, Layer: layerSemantic, Section: "4.1.1",
		Summary: "A CAPEC reference of an attack pattern has source_name capec and external_id CAPEC-number; such an id under another source: a warning.",
		types:   "attack-pattern", object: func(s *subject) { s.catalogue("capec", capecForm, "CAPEC- and a number") }},
	{ID: "S-111", Level: must, Severity: Error, Layer: layerSemantic, Section: "4.19.1",
		Summary: "A CVE reference of a vulnerability has source_name cve and external_id CVE-year-number; such an id under another source: a warning.",
		types:   "vulnerability", object: func(s *subject) {
			s.catalogue("cve", cveForm, "CVE-, a year of four digits, and a number of four or more")
		}},
	{ID: "S-112", Level: should, Severity: Warning, Layer: layerSemantic, Section: "4.7.1",
		Summary: "An indicator has name and description.", types: "indicator", object: namedIndicator},
	{ID: "S-113", Level: must, Severity: Error, Layer: layerPattern, Section: "4.7.1, 9",
		Summary: "The pattern of an indicator with pattern_type stix is a valid STIX pattern of its pattern_version.", types: "indicator", object: indicatorPattern},
	seen("S-114", must, layerSchema, "4.10", "A location has region, or country, or latitude with longitude."),
	seen("S-115", must, layerSchema, "4.10.1", "latitude and longitude come together."),
	seen("S-116", must, layerSchema, "4.10.1", "precision comes with latitude and longitude; negative: a warning."),
	seen("S-117", must, layerSchema, "4.10.1", "latitude is within -90 and 90, longitude within -180 and 180."),
	seen("S-118", must, layerSchema, "4.11.1", "Malware with is_family true has a name."),
	seen("S-119", must, layerSchema, "4.12", "A malware analysis has result or analysis_sco_refs."),
	seen("S-120", must, layerSchema, "4.14", "Observed data has exactly one of objects and object_refs."),
	seen("S-121", must, layerSchema, "4.14.1", "number_observed is from 1 to 999999999."),
	{ID: "S-123", Level: shouldNot, Severity: Warning, Layer: layerSemantic, Section: "2.13, 4.14.1",
		Summary: "objects, which is deprecated, in observed data.", types: "observed-data", object: deprecatedContainer},
	{ID: "S-124", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.13",
		Summary: "References inside an observable container name keys of the same container."},
	{ID: "S-125", Level: must, Severity: Error, Layer: layerSemantic, Section: "2.13, 6",
		Summary: "References inside an observable container name a member of an allowed type."},
	{ID: "S-126", Level: mustNot, Severity: Warning, Layer: layerSemantic, Section: "4.14.1",
		Summary: "Members of an observable container that no reference connects.", types: "observed-data", object: connectedContainer},
	{ID: "S-130", Level: should, Severity: Warning, Layer: layerSemantic, Section: "4.10.1, 4.12.1",
		Summary: "country is of ISO 3166-1, administrative_area of ISO 3166-2, coordinates have a precision; product is lower-case with dashes.",
		types:   "location malware-analysis", object: placeAndProduct},
}

var (
	pDescription    = prop("description")
	pPattern        = prop("pattern")
	pPatternType    = prop("pattern_type")
	pPatternVersion = prop("pattern_version")
	pObjects        = prop("objects")
	pCountry        = prop("country")
	pAdminArea      = prop("administrative_area")
	pLatitude       = prop("latitude")
	pLongitude      = prop("longitude")
	pPrecision      = prop("precision")
	pProduct        = prop("product")
)

// catalogue checks that external references to a public catalogue have its name and the form of its identifiers.
func (s *subject) catalogue(source string, form func([]byte) bool, want string) {
	for ref := range s.t.Items(s.get(pExternalReferences)) {
		name, id := s.t.Member(ref, "source_name"), s.t.Member(ref, "external_id")
		if s.t.Kind(name) != ijson.String {
			continue
		}
		named := s.t.Is(name, source)
		switch {
		case named && id < 0:
			s.report(ref, "the external reference has source_name %s and no external_id, expected %s", source, want)
		case named && s.t.Kind(id) == ijson.String && !form(s.t.Bytes(id)):
			s.report(id, "external_id is %s, expected %s", s.show(id), want)
		case !named && id >= 0 && form(s.str(id)):
			s.warn(name, "source_name is %s beside the external_id %s, expected %s", s.show(name), s.show(id), source)
		}
	}
}

func capecForm(b []byte) bool {
	n, ok := bytes.CutPrefix(b, []byte("CAPEC-"))
	return ok && digits(n)
}

func cveForm(b []byte) bool {
	n, ok := bytes.CutPrefix(b, []byte("CVE-"))
	return ok && len(n) >= 9 && digits(n[:4]) && n[4] == '-' && digits(n[5:])
}

func namedIndicator(s *subject) {
	if name, description := s.has(pName), s.has(pDescription); !name || !description {
		what := "name and description"
		switch {
		case name:
			what = "description"
		case description:
			what = "name"
		}
		s.report(s.root, "the indicator has no %s: a reader cannot tell what it is for", what)
	}
}

func indicatorPattern(s *subject) {
	if node := s.get(pPattern); s.t.Is(s.get(pPatternType), "stix") && s.t.Kind(node) == ijson.String {
		s.patternIn(node, pattern.CheckOptions{Version: string(s.str(s.get(pPatternVersion)))})
	}
}

func knownPatternVersion(s *subject) {
	node := s.get(pPatternVersion)
	if s.t.Is(s.get(pPatternType), "stix") && s.t.Kind(node) == ijson.String && !s.t.Is(node, "2.0") && !s.t.Is(node, "2.1") {
		s.report(node, "pattern_version is %s, expected 2.1 or 2.0; the pattern is read as one of 2.1", s.show(node))
	}
}

// instant returns a top-level timestamp, or the zero Instant if it is missing or malformed.
func (s *subject) instant(id nameID) stix.Instant {
	if node := s.get(id); s.t.Kind(node) == ijson.String {
		if in, err := stix.ParseInstant(string(s.t.Bytes(node))); err == nil {
			return in
		}
	}
	return stix.Instant{}
}

func deprecatedContainer(s *subject) {
	if node := s.get(pObjects); node >= 0 {
		s.report(node, "objects is deprecated; refer to objects of their own with object_refs")
	}
}

func placeAndProduct(s *subject) {
	if node := s.get(pCountry); s.t.Kind(node) == ijson.String && !isCountry(s.t.Bytes(node)) {
		s.report(node, "country is %s, expected a code of ISO 3166-1 alpha-2 such as DE", s.show(node))
	}
	if node := s.get(pAdminArea); s.t.Kind(node) == ijson.String && !isSubdivision(s.t.Bytes(node)) {
		s.report(node, "administrative_area is %s, expected a code of ISO 3166-2 such as US-MD", s.show(node))
	}
	if node := s.get(pPrecision); s.t.Kind(node) == ijson.Number && s.t.Raw(node)[0] == '-' {
		s.put("S-116", Warning, node, "precision is %s, expected metres that are not negative", s.show(node))
	}
	if s.has(pLatitude) && s.has(pLongitude) && !s.has(pPrecision) {
		s.report(s.get(pLatitude), "the coordinates have no precision")
	}
	if node := s.get(pProduct); s.t.Kind(node) == ijson.String && !hyphenated(s.t.Bytes(node)) {
		s.report(node, "product is %s, expected it in lower case with dashes", s.show(node))
	}
}

// countries holds the codes of ISO 3166-1 alpha-2.
var countries = func() map[string]struct{} {
	all := map[string]struct{}{}
	for code := range strings.FieldsSeq(`AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ
		BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI
		FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT
		JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ
		MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS
		RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA
		UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`) {
		all[code] = struct{}{}
	}
	return all
}()

func isCountry(b []byte) bool {
	_, ok := countries[string(bytes.ToUpper(b))]
	return ok
}

// isSubdivision reports whether b has the form of ISO 3166-2: a country, a hyphen, one to three letters or digits.
func isSubdivision(b []byte) bool {
	country, area, ok := bytes.Cut(b, []byte("-"))
	return ok && isCountry(country) && len(area) >= 1 && len(area) <= 3 && alphanumeric(area)
}
