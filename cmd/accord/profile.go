package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// profile is a login saved by accord login. It may have a token, but never a password.
type profile struct {
	URL       string `json:"url"`
	User      string `json:"user"`
	Token     string `json:"token,omitempty"` // none: the password comes from ACCORD_PASSWORD
	TokenID   string `json:"token_id,omitempty"`
	CA        string `json:"ca,omitempty"` // file
	PlainHTTP bool   `json:"plain_http,omitempty"`
}

// profilePath returns the file of a profile, below $XDG_CONFIG_HOME/accord/.
func profilePath(e *env, name string) (string, error) {
	if err := agreement.CheckName(name); err != nil {
		return "", usageError("the profile: %w", err)
	}
	dir := e.getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // the specification says to ignore others
		home := e.getenv("HOME")
		if home == "" {
			return "", errors.New("neither XDG_CONFIG_HOME nor HOME is set, so there is no folder for profiles")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "accord", name+".json"), nil
}

// readProfile reads a profile. It refuses a file that others can read, since its token may have been seen.
func readProfile(e *env, name string) (p profile, err error) {
	path, err := profilePath(e, name)
	if err != nil {
		return p, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, withHint(usageError("there is no profile %s: %w", name, err), "accord login %s --url URL --user ACCOUNT makes one", name)
	}
	if err != nil {
		return p, fmt.Errorf("read the profile %s: %w", name, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return p, withHint(usageError("the profile %s has the mode %04o: others may have read its token", path, mode), "accord login %s makes it anew; revoke the token that it has", name)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read the profile %s: %w", name, err)
	}
	return p, nil
}

// writeProfile writes a profile atomically.
func writeProfile(e *env, name string, p profile) (path string, err error) {
	if path, err = profilePath(e, name); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("write the profile: %w", err)
	}
	f, err := os.CreateTemp(dir, ".profile-*") // its mode is 0600
	if err != nil {
		return "", fmt.Errorf("write the profile: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("write the profile: %w", err)
	}
	return path, nil
}

// useProfile fills in from a profile what the flags leave open. The profile's token is only sent to its own server.
func (r *remote) useProfile(e *env, name string) error {
	p, err := readProfile(e, name)
	if err != nil {
		return err
	}
	own := r.url == ""
	if own {
		r.url = p.URL
	} else if given, err := admin.BaseURL(r.url); err == nil {
		of, err := admin.BaseURL(p.URL)
		own = err == nil && of == given
	}
	if !own {
		return nil
	}
	if r.caFile == "" {
		r.caFile = p.CA
	}
	r.plainHTTP = r.plainHTTP || p.PlainHTTP
	switch {
	case r.user != "" || r.tokenFile != "" || r.certFile != "" || r.tokenURL != "":
	case p.Token != "":
		r.token = p.Token
	default:
		r.user = p.User
	}
	return nil
}
