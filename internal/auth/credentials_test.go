package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
)

// What a header says is what its sender wrote, or an error; never both.
func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{"Basic dmVuZG9yOnB3", "basic  dmVuZG9yOnB3", "Bearer accord_x", "Token accord_x", "Basic", "Basic !", "", "Digest a", "Basic /////w=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseCredentials(http.Header{"Authorization": {value}})
		if err != nil {
			if c != (credentials{}) {
				t.Errorf("got %+v beside the error %v", c, err)
			}
			if !errors.Is(err, ErrMissing) && !errors.Is(err, ErrWrong) {
				t.Errorf("got %v, want ErrMissing or ErrWrong", err)
			}
			return
		}
		if c.scheme != basic {
			return
		}
		again, err := parseBasic(base64.StdEncoding.EncodeToString([]byte(c.name + ":" + c.secret)))
		if err != nil || again != c {
			t.Errorf("got %+v, %v from what it says itself, want %+v", again, err, c)
		}
	})
}
