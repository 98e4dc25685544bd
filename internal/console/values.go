package console

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/index"
)

// mostValues is how many values one list may have, as a search may.
const mostValues = index.MostValues

// valueList is the page of a list of values.
type valueList struct {
	Text    string
	Asked   int
	Known   []valueRow
	Unknown []string
	Behind  uint64
}

type valueRow struct {
	Value, Path string
	Count       uint64
}

func showValues(p *page) error {
	return p.show(http.StatusOK, "values", "List of values", valueList{}, p.valueCommands()...)
}

// findValues answers: which of these thousands do we know?
func findValues(p *page) error {
	text := p.value("values")
	if p.r.MultipartForm != nil {
		for _, header := range p.r.MultipartForm.File["file"] {
			more, err := readUpload(header)
			if err != nil {
				return err
			}
			text += "\n" + more
		}
	}
	values := valuesIn(text)
	list := valueList{Asked: len(values)}
	switch {
	case len(values) == 0:
		return formError{errors.New("the list has no values: paste some, one a line, or choose a file")}
	case len(values) > mostValues:
		return formError{errors.New("the list has " + thousands(uint64(len(values))) + " values; " + thousands(mostValues) + " at most are looked up at once")}
	}
	answer, err := askWith[index.Results](p, http.MethodPost, "search/", admin.Search{Q: values, Limit: 1})
	if err != nil {
		return err
	}
	counts := map[string]uint64{}
	for _, c := range answer.Facets["value"] {
		counts[c.Value] = c.Count
	}
	if len(values) == 1 {
		counts[values[0]] = answer.Total // one value has no facet
	}
	list.Behind = answer.Behind
	for _, v := range values {
		if n := counts[v]; n > 0 {
			list.Known = append(list.Known, valueRow{v, searchPath(url.Values{"q": {v}}), n})
		} else {
			list.Unknown = append(list.Unknown, v)
		}
	}
	return p.show(http.StatusOK, "values", "List of values", list, p.valueCommands()...)
}

func readUpload(header *multipart.FileHeader) (string, error) {
	f, err := header.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return string(text), err
}

// valuesIn reads a list: a value a line, each once; lines that begin with # are passed over, as accord find does.
func valuesIn(text string) (values []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.Trim(line, " \t\r\n\ufeff")
		if line == "" || strings.HasPrefix(line, "#") || seen[line] {
			continue
		}
		seen[line] = true
		values = append(values, line)
	}
	return values
}

func (p *page) valueCommands() []command {
	return []command{{"The same for a file with a value a line:", "accord find --file values.txt " + p.remote()}}
}
