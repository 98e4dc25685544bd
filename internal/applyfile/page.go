package applyfile

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/store"
)

// mostPageObjects bounds default_page and max_page_objects: a page has a bound in bytes, too.
const mostPageObjects = 1_000_000

// items reads a number of items of a page.
func (e entry) items(field string, set *int) key {
	return e.at(field, func(n *yaml.Node) {
		if v, ok := e.integer(n, field, 1, mostPageObjects); ok {
			*set = int(v)
		}
	})
}

// days reads a number of days such as 30d; 0d is none.
func (e entry) days(field string, set *store.Days) key {
	return e.at(field, func(n *yaml.Node) {
		s, ok := e.oneLine(n, field)
		if !ok {
			return
		}
		digits, hasUnit := strings.CutSuffix(s, "d")
		days, err := strconv.Atoi(digits)
		if !hasUnit || err != nil || days < 0 || days > maxRetentionDays {
			e.add(n.Line, "%s is %q here, want a number of days such as 30d, %d at most", field, s, maxRetentionDays)
			return
		}
		*set = store.Days(days)
	})
}

// titleWarnings says which clients a collection's title breaks.
func titleWarnings(title string) (list []string) {
	if strings.ContainsAny(title, ".,") {
		list = append(list, "the title has a point or a comma: OpenCTI's taxii2 connector cannot be configured for it")
	}
	if strings.TrimSpace(title) != title {
		list = append(list, "the title begins or ends with a space, which clients that look for it by name do not type")
	}
	return list
}
