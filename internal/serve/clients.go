package serve

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// checkClients refuses what is no URL, no origin or no header in the configuration for clients.
func (c *Config) checkClients() error {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return &ConfigError{Message: fmt.Sprintf("--public-url is %q, want a URL such as https://taxii.example", c.PublicURL)}
		}
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return &ConfigError{Message: fmt.Sprintf("--cors-origin is %q, want a scheme and a host such as https://viewer.example, without a slash at its end", origin)}
		}
	}
	for _, name := range c.KeyHeaders {
		if strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || name == "" || takenHeaders[http.CanonicalHeaderKey(name)] {
			return &ConfigError{Message: fmt.Sprintf("--key-header is %q, want the name of a header of its own such as X-API-Key", name)}
		}
	}
	return nil
}

// takenHeaders mean something else in a request.
var takenHeaders = map[string]bool{
	"Authorization": true, "Cookie": true, "Host": true, "Origin": true, "Accept": true, "Content-Type": true, "Content-Length": true,
	"Connection": true, "Expect": true, "User-Agent": true, "X-Forwarded-For": true, "Accept-Encoding": true, "Content-Encoding": true,
}
