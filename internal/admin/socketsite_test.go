package admin

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// The socket takes nothing that a page has a browser send, by way of a proxy that reaches it: the file's mode is the login, so
// whoever reaches it is an operator.
func TestThePageOfASiteChangesNothingOverTheSocket(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, SocketName))
	}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, row := range []struct {
		name, contentType string
		header            map[string]string
		want              int
	}{
		{"a form", "application/x-www-form-urlencoded", nil, http.StatusUnsupportedMediaType},
		{"a form with JSON in it", "text/plain", nil, http.StatusUnsupportedMediaType},
		{"a script of another site", "application/json", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		{"one of an older browser", "application/json", map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		{"a command", "application/json", nil, http.StatusOK},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://accord/parties/", strings.NewReader(`{"name":"intruder"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", row.contentType)
		for name, value := range row.header {
			r.Header.Set(name, value)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		_, made := s.store.Registry().Party("intruder")
		if resp.StatusCode != row.want || made != (row.want == http.StatusOK) {
			t.Errorf("%s: got %d, and that it was made: %t; want %d", row.name, resp.StatusCode, made, row.want)
		}
	}
}
