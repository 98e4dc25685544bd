package taxii

import (
	"fmt"
	"net/url"
	"strings"
)

// location is the address of a resource, whose path ends in a slash and which has neither query nor fragment.
type location struct{ url.URL }

func parseLocation(text string) (location, error) {
	u, err := url.Parse(text)
	if err != nil {
		return location{}, fmt.Errorf("read the URL: %w", err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return location{}, fmt.Errorf("%s is no URL of a server, expected one such as https://taxii.example/root/collections/…/", quote(u.Redacted()))
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+"/", ""
	return location{*u}, nil
}

func (l location) String() string { return l.URL.String() }

// parseCollection reads the URL of a collection, or of its objects or manifest.
func parseCollection(text string) (location, error) {
	l, err := parseLocation(text)
	if err != nil {
		return location{}, err
	}
	if _, ok := l.root(); ok {
		return l, nil
	}
	for _, resource := range []string{"objects/", "manifest/"} {
		l.Path = strings.TrimSuffix(l.Path, resource)
	}
	if _, ok := l.root(); !ok {
		return location{}, fmt.Errorf("%s is no URL of a collection, expected one such as https://taxii.example/root/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/", quote(text))
	}
	return l, nil
}

// root returns the API root of a collection: the part of its URL before collections/{id}/.
func (l location) root() (location, bool) {
	const collections = "/collections/"
	at := strings.LastIndex(l.Path, collections)
	if at < 0 {
		return location{}, false
	}
	id := l.Path[at+len(collections):]
	if id == "" || strings.Index(id, "/") != len(id)-1 {
		return location{}, false
	}
	l.Path = l.Path[:at+1]
	return l, true
}

// below returns the resource at the given path segments below l.
func (l location) below(segments ...string) location {
	raw := l.EscapedPath()
	for _, segment := range segments {
		l.Path += segment + "/"
		raw += url.PathEscape(segment) + "/"
	}
	l.RawPath = raw
	return l
}

// with returns the URL's text with a query.
func (l location) with(query url.Values) string {
	l.RawQuery = query.Encode()
	return l.String()
}

// RootOf returns the URL of the API root of the collection at the given URL.
func RootOf(collectionURL string) (string, error) {
	l, err := parseCollection(collectionURL)
	if err != nil {
		return "", err
	}
	root, _ := l.root()
	return root.String(), nil
}

// ResolveRoot returns the absolute URL of an item of Discovery.APIRoots, which may be a path, as found at discoveryURL.
func ResolveRoot(discoveryURL, root string) (string, error) {
	base, err := parseLocation(discoveryURL)
	if err != nil {
		return "", err
	}
	at, err := base.Parse(root)
	if err != nil {
		return "", fmt.Errorf("read the URL of the API root: %w", err)
	}
	l, err := parseLocation(at.String())
	return l.String(), err
}
