package validate

import (
	"github.com/accord-taxii/accord/schemas"
	"github.com/accord-taxii/accord/stix/pattern"
)

// Prepare makes ready what the first validation of a process would otherwise wait for, some hundred milliseconds: schemas are
// compiled, and what patterns are checked against is made.
func Prepare() {
	schemas.Types()
	pattern.Validate("[file:name = 'x']", "2.1")
}
