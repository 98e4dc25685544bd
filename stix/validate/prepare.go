package validate

import (
	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/stix/pattern"
)

// Prepare compiles the schemas and the table for patterns, for which the first validation of a process would otherwise
// wait some hundred milliseconds.
func Prepare() {
	schemas.Types()
	pattern.Validate("[file:name = 'x']", "2.1")
}
