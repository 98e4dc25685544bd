package admin

import "testing"

func TestPathsInCommandsAreOneWord(t *testing.T) {
	for path, want := range map[string]string{
		"/var/lib/accord": "/var/lib/accord", "/srv/my data": "'/srv/my data'", "it's": `'it'\''s'`, "$HOME/x": "'$HOME/x'", "": "''",
	} {
		if got := shellWord(path); got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}
