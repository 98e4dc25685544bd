package taxii

import (
	"errors"
	"strings"
	"testing"
)

// T-014, T-015, T-017, T-018, T-020 and the decisions on Accept: what is served, here with an absent header, */* and
// application/* among it.
func TestNegotiate(t *testing.T) {
	const served, refused, manifest = "served", "refused", "served as a manifest only"
	for _, row := range []struct {
		name   string
		accept []string
		want   string
	}{
		{"the type itself", []string{MediaType}, served},
		{"no version", []string{"application/taxii+json"}, served},
		{"absent", nil, served},
		{"empty", []string{""}, served},
		{"anything", []string{"*/*"}, served},
		{"anything, as old Java writes it", []string{"text/html, *; q=.2, */*; q=.2"}, served},
		{"any application type", []string{"application/*"}, served},
		{"anything at a low weight after other types", []string{"text/html, */*;q=0.1"}, served},
		{"the header the manifest asks for", []string{"application/taxii+json;version=2.1,application/stix+json;version=2.1"}, served},
		{"first of a list", []string{"application/taxii+json;version=2.1, application/taxii+json;version=2.0"}, served},
		{"last of a list", []string{"application/taxii+json;version=2.0, application/json, application/taxii+json;version=2.1"}, served},
		{"in a second header line", []string{"text/html", MediaType}, served},
		{"upper case, spaces and quotes", []string{`Application/TAXII+JSON ; Version="2.1"`}, served},
		{"an escaped character in the quotes", []string{`application/taxii+json; version="2\.1"`}, served},
		{"other parameters", []string{`application/taxii+json;charset=utf-8;version=2.1;profile="a,b;c"`}, served},
		{"a weight", []string{"application/taxii+json;version=2.1;q=0.001"}, served},
		{"a malformed weight", []string{"application/taxii+json;version=2.1;q=much"}, served},
		{"the wildcard refused but the type asked for", []string{"*/*;q=0, application/taxii+json;version=2.1"}, served},
		{"no version refused but the version asked for", []string{"application/taxii+json;q=0, application/taxii+json;version=2.1"}, served},
		{"another version refused, anything else welcome", []string{"application/taxii+json;version=2.0;q=0, */*"}, served},
		{"STIX alone", []string{"application/stix+json;version=2.1"}, manifest},
		{"STIX alone, without a version", []string{"application/stix+json"}, manifest},
		{"STIX at weight 0", []string{"application/stix+json;version=2.1;q=0"}, refused},
		{"STIX 2.0", []string{"application/stix+json;version=2.0"}, refused},
		{"another version alone", []string{"application/taxii+json;version=2.0"}, refused},
		{"a version to come", []string{"application/taxii+json;version=3.0"}, refused},
		{"two versions in one range", []string{"application/taxii+json;version=2.0;version=2.1"}, refused},
		{"weight 0", []string{MediaType + ";q=0"}, refused},
		{"weight 0 with digits", []string{MediaType + "; q=0.000"}, refused},
		{"weight 0 although anything goes", []string{MediaType + ";q=0, application/*"}, manifest},
		{"anything at weight 0", []string{"*/*;q=0"}, refused},
		{"the deprecated type", []string{"application/vnd.oasis.taxii+json"}, refused},
		{"the deprecated type with a version", []string{"application/vnd.oasis.taxii+json;version=2.1"}, refused},
		{"plain JSON", []string{"application/json"}, refused},
		{"HTML", []string{"text/html"}, refused},
		{"the type inside another's parameter", []string{`text/html;x="application/taxii+json;version=2.1,"`}, refused},
		{"a longer name", []string{"application/taxii+json2;version=2.1"}, refused},
		{"no type at all", []string{";version=2.1"}, refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			err, stix := Negotiate(row.accept, false), Negotiate(row.accept, true)
			got := refused
			switch {
			case err == nil && stix == nil:
				got = served
			case err != nil && stix == nil:
				got = manifest
			}
			if got != row.want {
				t.Errorf("%q: got %s, want %s (%v)", row.accept, got, row.want, err)
			}
			var typed *NotAcceptableError
			if err != nil && !errors.As(err, &typed) {
				t.Errorf("got a %T, want a *NotAcceptableError", err)
			}
			if err != nil && !strings.Contains(err.Error(), MediaType) {
				t.Errorf("the message does not say what would do: %v", err)
			}
		})
	}
	if err := Negotiate([]string{"application/vnd.oasis.taxii+json"}, false); !strings.Contains(err.Error(), "TAXII 2.1") || !strings.Contains(err.Error(), "vnd.oasis") {
		t.Errorf("a TAXII 2.0 client is told %q", err)
	}
	header := []string{MediaType}
	if n := testing.AllocsPerRun(10, func() { _ = Negotiate(header, true) }); n != 0 {
		t.Errorf("the header that clients send costs %v allocations, want 0", n)
	}
}

// T-019, T-020, T-109 and the decisions on Content-Type.
func TestCheckContentType(t *testing.T) {
	for _, row := range []struct {
		name     string
		values   []string
		encoding []string
		ok       bool
	}{
		{"the type itself", []string{MediaType}, nil, true},
		{"no version", []string{"application/taxii+json"}, nil, true},
		{"spaces, quotes and case", []string{`APPLICATION/taxii+json ; VERSION="2.1" ; charset=utf-8`}, nil, true},
		{"identity is no encoding", []string{MediaType}, []string{"Identity"}, true},
		{"another version", []string{"application/taxii+json;version=2.0"}, nil, false},
		{"plain JSON", []string{"application/json"}, nil, true},
		{"plain JSON with a charset", []string{"application/json; charset=utf-8"}, nil, true},
		{"STIX", []string{StixMediaType}, nil, true},
		{"STIX as OpenCTI's connector writes it", []string{"application/stix+json; version=2.1"}, nil, true},
		{"STIX 2.0", []string{"application/stix+json;version=2.0"}, nil, true},
		{"STIX without a version", []string{"application/stix+json"}, nil, true},
		{"STIX 1", []string{"application/stix+json;version=1.2"}, nil, false},
		{"STIX 2 without a minor version", []string{"application/stix+json;version=2."}, nil, false},
		{"text", []string{"text/plain"}, nil, false},
		{"the deprecated type", []string{"application/vnd.oasis.taxii+json;version=2.1"}, nil, false},
		{"the deprecated STIX type", []string{"application/vnd.oasis.stix+json"}, nil, false},
		{"a range", []string{"*/*"}, nil, false},
		{"two types", []string{"application/taxii+json,application/taxii+json"}, nil, false},
		{"two header lines", []string{MediaType, MediaType}, nil, false},
		{"absent", nil, nil, false},
		{"empty", []string{""}, nil, false},
		{"compressed", []string{MediaType}, []string{"gzip"}, false},
		{"compressed after identity", []string{MediaType}, []string{"identity, br"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := CheckContentType(row.values, row.encoding)
			if (err == nil) != row.ok {
				t.Fatalf("got %v, want accepted %v", err, row.ok)
			}
			var typed *UnsupportedMediaError
			if err != nil && !errors.As(err, &typed) {
				t.Errorf("got a %T, want a *UnsupportedMediaError", err)
			}
		})
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add(`application/taxii+json;version="2.1";q=0.5, */*`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, header string) {
		plain, stix := Negotiate([]string{header}, false), Negotiate([]string{header}, true)
		if plain == nil && stix != nil {
			t.Errorf("%q is served everywhere but as a manifest", header)
		}
		if err := Negotiate([]string{header + "\t"}, false); (err == nil) != (plain == nil) {
			t.Errorf("%q: white space at the end changes %v to %v", header, plain, err)
		}
	})
}

// FuzzCheckContentType reads any Content-Type: what is read is JSON of some kind, and white space around it changes nothing.
func FuzzCheckContentType(f *testing.F) {
	for _, value := range []string{MediaType, `Application/TAXII+json ; version = "2.1"`, `application/taxii+json;version="2\.1";version=2.1`, `application/taxii+json;version="`, StixMediaType, ""} {
		f.Add(value, "")
	}
	f.Fuzz(func(t *testing.T, value, coding string) {
		err := CheckContentType([]string{value}, []string{coding})
		if spaced := CheckContentType([]string{" " + value + "\t"}, []string{" " + coding}); (err == nil) != (spaced == nil) {
			t.Errorf("%q: white space around it changes %v to %v", value, err, spaced)
		}
		if low := strings.ToLower(value); err == nil && !strings.Contains(low, "application/") || err == nil && !strings.Contains(low, "json") {
			t.Errorf("%q is read as JSON", value)
		}
		if err == nil && CheckContentType([]string{value, value}, nil) == nil {
			t.Errorf("%q twice is read", value)
		}
	})
}
