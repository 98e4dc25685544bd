package taxii

import (
	"strings"
	"testing"
)

// FuzzLocation reads the URLs that people and other servers name: what is read has a host and no query, and reading it again
// gives the same.
func FuzzLocation(f *testing.F) {
	const base = "https://taxii.example/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/"
	for _, text := range []string{base, base + "objects/?limit=1#x", "http://u:p@[::1]:80/a%2fb/collections/x", "https://taxii.example", "/root/", "//other.example/root/", "https:///a", "https://h/collections/collections/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, err := parseLocation(text); err == nil {
			if l.Host == "" || l.RawQuery != "" || l.Fragment != "" || !strings.HasSuffix(l.Path, "/") {
				t.Errorf("%q: got %q", text, l)
			}
			again, err := parseLocation(l.String())
			if err != nil || again.String() != l.String() {
				t.Errorf("%q is %q, which is %q (%v)", text, l, again, err)
			}
		}
		if l, err := parseCollection(text); err == nil {
			again, err := parseCollection(l.below("objects").String())
			if err != nil || again.String() != l.String() {
				t.Errorf("%q: the objects of %q are those of %q (%v)", text, l, again, err)
			}
			if root, err := RootOf(text); err != nil || !strings.HasPrefix(l.String(), root+"collections/") {
				t.Errorf("%q: got the API root %q (%v)", text, root, err)
			}
		}
		if at, err := ResolveRoot(base, text); err == nil && !strings.HasPrefix(at, "http") {
			t.Errorf("%q is found at %q", text, at)
		}
	})
}
