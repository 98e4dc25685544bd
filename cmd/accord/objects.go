package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/accord-taxii/accord/stix/ijson"
)

// item is one object of a file, as its text stands there.
type item struct {
	file  string
	index int // among the objects of the file, from 0
	raw   []byte
}

func (it item) place() string { return fmt.Sprintf("%s[%d]", it.file, it.index) }

// header is what tells objects apart. Members that are no strings count as absent.
func (it item) header() (id, version string) {
	var h struct{ ID, Created, Modified any }
	if json.Unmarshal(it.raw, &h) != nil {
		return "", ""
	}
	id, _ = h.ID.(string)
	version, _ = h.Created.(string)
	if modified, ok := h.Modified.(string); ok {
		version = modified
	}
	return id, version
}

// objectsOf finds the objects in a file's text: a bundle's or an envelope's, those of a list, one alone, or any of these
// one after the other. What the objects hold is for the server to judge.
func objectsOf(file string, text []byte) ([]item, error) {
	var items []item
	body := bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	lead := len(text) - len(body)
	decoder := json.NewDecoder(bytes.NewReader(body))
	for {
		var value json.RawMessage
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		if err != nil {
			return nil, notJSON(file, text, lead, err)
		}
		raws, err := objectsOfValue(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, raw := range raws {
			items = append(items, item{file: file, index: len(items), raw: raw})
		}
	}
}

func objectsOfValue(value json.RawMessage) ([]json.RawMessage, error) {
	var list []json.RawMessage
	switch value[0] {
	case '[':
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, err
		}
	case '{':
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, err
		}
		var typ string
		_ = json.Unmarshal(members["type"], &typ) // absent or no string: not a bundle
		objects, has := members["objects"]
		if typ != "bundle" && (members["type"] != nil || !has) {
			return []json.RawMessage{value}, nil
		}
		if has && objects[0] != '[' {
			return nil, errors.New(`the member "objects" is no list, expected a list of STIX objects`)
		}
		if err := json.Unmarshal(objects, &list); has && err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("found %.20s, expected a bundle, an envelope, an object or a list of objects", value)
	}
	for i, raw := range list {
		if raw[0] != '{' {
			return nil, fmt.Errorf("item %d is %.20s, expected a STIX object", i, raw)
		}
	}
	return list, nil
}

func notJSON(file string, text []byte, lead int, err error) error {
	offset := len(text)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = min(lead+int(max(syntax.Offset-1, 0)), len(text))
	}
	line, column := ijson.Position(text, offset)
	return fmt.Errorf("%s is not JSON: %w (line %d, column %d)", file, err, line, column)
}

// filesOf lists the files that arguments name: folders stand for the .json files in and below them, "-" for standard
// input.
func filesOf(args []string) ([]string, error) {
	var files []string
	for _, arg := range args {
		if arg == "-" {
			files = append(files, arg)
			continue
		}
		before := len(files)
		err := filepath.WalkDir(arg, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (name == arg || strings.EqualFold(filepath.Ext(name), ".json")) {
				files = append(files, name)
			}
			return err
		})
		var path *fs.PathError
		if errors.As(err, &path) {
			return nil, fmt.Errorf("read %s: %w", path.Path, path.Err)
		}
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("there is no .json file in %s", arg)
		}
	}
	return files, nil
}
