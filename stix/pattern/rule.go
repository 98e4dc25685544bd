package pattern

// The rules of the table that more than one function reports.
const (
	ruleGrammar   = "S-301"
	ruleHex       = "S-303"
	ruleBinary    = "S-304"
	ruleNumber    = "S-305"
	ruleTimestamp = "S-306"
	ruleRepeats   = "S-307"
	ruleWithin    = "S-308"
	ruleQualifier = "S-309"
	ruleStartStop = "S-310"
	ruleWindow    = "S-311"
	ruleValidity  = "S-312"
	ruleOneObject = "S-313"
	ruleType      = "S-314"
	ruleProperty  = "S-315"
	ruleQuotedKey = "S-316"
	ruleIndex     = "S-317"
	ruleStep      = "S-318"
	ruleKind      = "S-319"
	ruleSet       = "S-320"
	ruleRegex     = "S-321"
	ruleAddress   = "S-322"
	ruleLimit     = "S-323"
	ruleHash      = "S-324"
	ruleVersion   = "S-325"
)

// sections names where the Standard says what a rule restates.
var sections = map[string]string{
	"S-301": "9.4", "S-302": "9.2", "S-303": "9.2", "S-304": "9.2", "S-305": "9.2", "S-306": "9.2",
	"S-307": "9.5.1", "S-308": "9.5.1", "S-309": "9.5.1", "S-310": "9.5.1", "S-311": "9.5.1", "S-312": "9.5.1",
	"S-313": "9.5", "S-314": "9.7", "S-315": "9.7", "S-316": "9.7", "S-317": "9.7.2", "S-318": "9.7.2",
	"S-319": "9.6.1", "S-320": "9.6.1", "S-321": "9.6.1", "S-322": "9.6.1", "S-323": "D", "S-324": "10.7", "S-325": "4.7.1",
}
