package main

import (
	"io/fs"
	"strconv"

	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/stix/ijson"
)

// fileModes decides which mode a pulled file has.
type fileModes struct {
	open     fs.FileMode // of what is marked TLP:CLEAR
	unmarked fs.FileMode // of what has no TLP marking
}

// private is the mode of what is marked above TLP:CLEAR.
const private fs.FileMode = 0o600

// parseMode reads --mode; "" is the default.
func parseMode(text string) (fileModes, error) {
	if text == "" {
		return fileModes{open: 0o640, unmarked: private}, nil
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n&^0o666 != 0 || n&0o600 != 0o600 {
		return fileModes{}, usageError("--mode %q: expected the mode of a file that its owner reads and writes, such as 0640", text)
	}
	return fileModes{open: fs.FileMode(n), unmarked: fs.FileMode(n)}, nil
}

// of returns the mode of a file with an object. Markings beside TLP, whose meaning is not known here, count as no marking at best.
func (m fileModes) of(object []byte) fs.FileMode {
	var tree ijson.Tree
	if tree.Parse(object, ijson.Limits{}) != nil {
		return private
	}
	o := stix.FromTree(&tree)
	level, others := o.EffectiveTLP()
	switch {
	case level > stix.Clear:
		return private
	case level == stix.Clear && len(others) == 0:
		return m.open
	}
	return m.unmarked
}
