package taxii

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParamSet is a set of query parameters.
type ParamSet uint8

// The parameters of section 3.4.
const (
	ParamAddedAfter ParamSet = 1 << iota
	ParamLimit
	ParamNext
	ParamID      // match[id]
	ParamType    // match[type]
	ParamVersion // match[version]
	ParamSpec    // match[spec_version]

	strict // a parameter that is not in the set is an error
)

// Which parameters an endpoint defines (sections 5.3 to 5.8). Others are ignored, except by ForDelete:
// ignoring a filter there would delete more than was meant.
const (
	ForObjects  = ParamAddedAfter | ParamLimit | ParamNext | ParamID | ParamType | ParamVersion | ParamSpec
	ForManifest = ForObjects
	ForObject   = ParamAddedAfter | ParamLimit | ParamNext | ParamVersion | ParamSpec
	ForVersions = ParamAddedAfter | ParamLimit | ParamNext | ParamSpec
	ForDelete   = ParamVersion | ParamSpec | strict
	ForNothing  = ParamSet(0) // everything else: only the query string's form is judged
)

// MaxInteger is the largest integer of I-JSON, and so of limit.
const MaxInteger = 1<<53 - 1

// Filter is what a request asks for (section 3.4). Lists are in the order given, without repetitions.
type Filter struct {
	AddedAfter    time.Time
	HasAddedAfter bool
	Limit         int // 0: not given
	Next          *Cursor
	IDs           []string      // match[id]
	Types         []string      // match[type]
	Specs         []string      // match[spec_version]
	Versions      VersionFilter // match[version]
	Given         ParamSet      // the parameters that the request has, of those the endpoint defines
	Unknown       []string      // names of parameters that no endpoint defines, a few of them
	Foreign       bool          // Resolve passed over a cursor of another collection

	defined ParamSet
}

// VersionFilter selects among an object's versions. The zero value means the last.
type VersionFilter struct {
	All, First, Last bool
	Exact            []string // STIX timestamps, checked for form
}

// FilterLimits bounds what one request may ask for. Zero values mean the defaults.
type FilterLimits struct {
	Values int // values in one parameter; DefaultFilterValues
	Bytes  int // octets of the query string; DefaultFilterBytes
}

// Defaults of FilterLimits.
const (
	DefaultFilterValues = 1000
	DefaultFilterBytes  = 64 << 10
)

func (l FilterLimits) orDefault() FilterLimits {
	if l.Values <= 0 {
		l.Values = DefaultFilterValues
	}
	if l.Bytes <= 0 {
		l.Bytes = DefaultFilterBytes
	}
	return l
}

type parameter struct {
	bit  ParamSet
	name string
	read func(f *Filter, value string, limits FilterLimits) error
}

// parameters is the table of section 3.4, in the order in which mistakes are reported.
var parameters = [...]parameter{
	{ParamAddedAfter, "added_after", (*Filter).readAddedAfter},
	{ParamLimit, "limit", (*Filter).readLimit},
	{ParamNext, "next", (*Filter).readNext},
	{ParamID, "match[id]", (*Filter).readIDs},
	{ParamType, "match[type]", (*Filter).readTypes},
	{ParamVersion, "match[version]", (*Filter).readVersions},
	{ParamSpec, "match[spec_version]", (*Filter).readSpecs},
}

// ParseFilter reads the query string of a request to an endpoint that defines the given parameters. It judges form
// alone: capping limit is the server's business, and so is what a well-formed id or type means. A cursor is decoded but
// not applied: see [Filter.Resolve]. The error is a [*ParameterError].
func ParseFilter(rawQuery string, defined ParamSet, limits FilterLimits) (Filter, error) {
	f := Filter{defined: defined}
	if rawQuery == "" {
		return f, nil
	}
	limits = limits.orDefault()
	if len(rawQuery) > limits.Bytes {
		return Filter{}, &ParameterError{Problem: fmt.Sprintf("it has %d bytes, at most %d are read; ask for fewer values at a time", len(rawQuery), limits.Bytes)}
	}
	found, stray, unknown, err := splitQuery(rawQuery, defined)
	if err != nil {
		return Filter{}, malformedQuery(err)
	}
	f.Unknown = unknown
	for i, p := range parameters {
		g := &found[i]
		if g.times == 0 {
			continue
		}
		if g.times > 1 {
			return Filter{}, &ParameterError{Param: p.name, Value: g.second, Problem: "is given more than once, expected one " + p.name + " with its values separated by commas"}
		}
		if err := p.read(&f, g.value, limits); err != nil {
			return Filter{}, err
		}
		f.Given |= p.bit
	}
	if defined&strict != 0 && stray.times > 0 {
		return Filter{}, undefined(stray, defined)
	}
	return f, nil
}

// given has the values of one parameter in a query string.
type given struct {
	name          string // of a parameter that is not in the table
	value, second string // its first two values
	times         int
}

func (g *given) add(value string) {
	if g.times++; g.times == 1 {
		g.value = value
	} else if g.times == 2 {
		g.second = value
	}
}

// mostUnknown bounds Filter.Unknown, and longestUnknown each of its names, in bytes.
const (
	mostUnknown    = 8
	longestUnknown = 64
)

// splitQuery splits a query string as url.ParseQuery does, without its map: into the parameters that are defined here, the
// first by name of the others, and the names that no endpoint defines.
func splitQuery(rawQuery string, defined ParamSet) (list [len(parameters)]given, stray given, unknown []string, err error) {
	for rest := rawQuery; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if strings.Contains(pair, ";") {
			return list, stray, nil, errSemicolon
		}
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if name, err = url.QueryUnescape(name); err != nil {
			return list, stray, nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return list, stray, nil, err
		}
		at := slices.IndexFunc(parameters[:], func(p parameter) bool { return p.name == name })
		if at >= 0 && defined&parameters[at].bit != 0 {
			list[at].add(value)
			continue
		}
		if stray.times == 0 || name < stray.name {
			stray = given{name: name, value: value, times: 1}
		}
		if at < 0 && len(unknown) < mostUnknown && len(name) <= longestUnknown && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	return list, stray, unknown, nil
}

var errSemicolon = errors.New("a semicolon between parameters")

func malformedQuery(err error) error {
	problem := err.Error()
	if err == errSemicolon {
		problem = "parameters are separated by &, and a semicolon in a value is written %3B"
	} else if escape, ok := err.(url.EscapeError); ok {
		problem = fmt.Sprintf("%s is no percent-encoding, expected %% and two hexadecimal digits; %% itself is written %%25", quote(string(escape)))
	}
	return &ParameterError{Problem: problem}
}

// undefined reports a parameter that a strict endpoint does not define.
func undefined(stray given, defined ParamSet) error {
	var want []string
	for _, p := range parameters {
		if defined&p.bit != 0 {
			want = append(want, p.name)
		}
	}
	return &ParameterError{Param: cut(stray.name), Value: stray.value,
		Problem: "is not defined here, and ignoring it could delete more than was meant; expected " + enumerate(want) + ", or no parameter"}
}

func (f *Filter) readAddedAfter(value string, _ FilterLimits) error {
	t, err := ParseTime(value)
	if err != nil {
		return &ParameterError{Param: "added_after", Value: value, Problem: strings.TrimPrefix(err.Error(), quote(value)+" ")}
	}
	f.AddedAfter, f.HasAddedAfter = t, true
	return nil
}

func (f *Filter) readLimit(value string, _ FilterLimits) error {
	n, err := strconv.ParseUint(value, 10, 64)
	if !allDigits(value) || err != nil || n < 1 || n > MaxInteger {
		return &ParameterError{Param: "limit", Value: value, Problem: fmt.Sprintf("expected a whole number from 1 to %d, digits only", int64(MaxInteger))}
	}
	f.Limit = int(min(n, math.MaxInt))
	return nil
}

func (f *Filter) readNext(value string, _ FilterLimits) error {
	c, err := ParseCursor(value)
	if err != nil {
		return err
	}
	f.Next = &c
	return nil
}

func (f *Filter) readIDs(value string, limits FilterLimits) (err error) {
	f.IDs, err = list("match[id]", value, limits)
	return err
}

func (f *Filter) readTypes(value string, limits FilterLimits) (err error) {
	f.Types, err = list("match[type]", value, limits)
	return err
}

func (f *Filter) readSpecs(value string, limits FilterLimits) error {
	items, err := list("match[spec_version]", value, limits)
	if err != nil {
		return err
	}
	for _, item := range items {
		major, minor, _ := strings.Cut(item, ".")
		if !allDigits(major) || !allDigits(minor) || len(item) > 20 {
			return &ParameterError{Param: "match[spec_version]", Value: value, Problem: quote(item) + " is no spec version, expected two numbers with a point between them such as 2.1"}
		}
	}
	f.Specs = items
	return nil
}

func (f *Filter) readVersions(value string, limits FilterLimits) error {
	const param = "match[version]"
	given := strings.Count(value, ",") + 1
	items, err := list(param, value, limits)
	if err != nil {
		return err
	}
	if len(items) < given {
		return &ParameterError{Param: param, Value: value, Problem: "names a version more than once, expected each once"}
	}
	var v VersionFilter
	for _, item := range items {
		switch {
		case item == "all":
			v.All = true
		case item == "first":
			v.First = true
		case item == "last":
			v.Last = true
		case stixTimestamp(item):
			v.Exact = append(v.Exact, item)
		default:
			return &ParameterError{Param: param, Value: value, Problem: quote(item) + " is no version, expected all, first, last or a timestamp such as 2026-01-31T09:30:00.000Z"}
		}
	}
	if v.All && len(items) > 1 {
		return &ParameterError{Param: param, Value: value, Problem: "all stands beside other versions, expected all alone"}
	}
	f.Versions = v
	return nil
}

// list reads the values of a match parameter, separated by commas without spaces (section 3.4), and drops repetitions.
func list(param, value string, limits FilterLimits) ([]string, error) {
	bad := func(problem string) ([]string, error) {
		return nil, &ParameterError{Param: param, Value: value, Problem: problem}
	}
	if value == "" {
		return bad("is empty, expected at least one value; leave the parameter out to match everything")
	}
	if n := strings.Count(value, ",") + 1; n > limits.Values {
		return bad(fmt.Sprintf("has %d values, expected at most %d; ask for fewer at a time", n, limits.Values))
	}
	if !utf8.ValidString(value) {
		return bad("is not valid UTF-8 after percent-decoding")
	}
	items := strings.Split(value, ",")
	for i, item := range items {
		if item == "" {
			return bad(fmt.Sprintf("value %d of %d is empty, expected values separated by single commas", i+1, len(items)))
		}
		for _, r := range item {
			if r <= ' ' || r == 0x7f {
				return bad(fmt.Sprintf("value %d of %d contains %q, expected values separated by commas without spaces", i+1, len(items), r))
			}
		}
	}
	return distinct(items), nil
}

// distinct drops repetitions and keeps the order, in place.
func distinct(items []string) []string {
	if len(items) < 2 {
		return items
	}
	seen := make(map[string]struct{}, len(items))
	kept := items[:0]
	for _, item := range items {
		if _, ok := seen[item]; !ok {
			seen[item] = struct{}{}
			kept = append(kept, item)
		}
	}
	return kept
}
