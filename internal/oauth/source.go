package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says where tokens are to be had, and for whom.
type Config struct {
	TokenURL string // of the token endpoint
	ClientID string
	Secret   string
	Scope    string // may be empty
	Resource string // for which server the token is (RFC 8707); may be empty

	Client *http.Client     // nil: http.DefaultClient
	Now    func() time.Time // nil: time.Now
}

// Source returns tokens. It is safe for concurrent use: callers that need a token at once share one question.
type Source struct {
	config Config

	mu    sync.Mutex // held while a question is asked
	token string     // guarded by mu; "": none
	until time.Time  // guarded by mu: when another token is asked for; zero: never
}

// New makes a Source. It asks for nothing yet.
func New(c Config) *Source {
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Source{config: c}
}

// Refusal is an answer of the token endpoint that has no token. It never holds the secret.
type Refusal struct {
	Status int    // of the answer; 200 if what it says is at fault
	Reason string // for people, on one line
}

func (r *Refusal) Error() string { return "the token endpoint " + r.Reason }

// Token returns an access token. refused is the token that a server has just refused, or "": it is not returned again. An error
// is a *Refusal, or that of the connection.
func (s *Source) Token(ctx context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := !s.until.IsZero() && !s.config.Now().Before(s.until)
	if s.token != "" && s.token != refused && !ended {
		return s.token, nil
	}
	s.token = ""
	token, lasts, err := s.ask(ctx)
	if err != nil {
		return "", err
	}
	s.token, s.until = token, time.Time{}
	if lasts > 0 {
		s.until = s.config.Now().Add(lasts - min(early, lasts/2))
	}
	return token, nil
}

const (
	early      = 30 * time.Second // before its end, a token is replaced
	mostAnswer = 1 << 20          // bytes of the token endpoint's answer
)

func (s *Source) ask(ctx context.Context) (token string, lasts time.Duration, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.config.Scope != "" {
		form.Set("scope", s.config.Scope)
	}
	if s.config.Resource != "" {
		form.Set("resource", s.config.Resource)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fmt.Errorf("ask for an access token: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(s.config.ClientID), url.QueryEscape(s.config.Secret)) // RFC 6749, section 2.3.1
	resp, err := s.config.Client.Do(req)
	if err != nil {
		return "", 0, fmt.Errorf("ask for an access token: %w", err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token   string  `json:"access_token"`
		Type    string  `json:"token_type"`
		Expires float64 `json:"expires_in"`
		Error   string  `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return "", 0, &Refusal{resp.StatusCode, strings.TrimSpace("answered " + resp.Status + " " + plain(answer.Error))}
	case err != nil || answer.Token == "" || strings.ContainsFunc(answer.Token, unusual):
		return "", 0, &Refusal{resp.StatusCode, "answered without an access token"}
	case !strings.EqualFold(answer.Type, "bearer"):
		return "", 0, &Refusal{resp.StatusCode, fmt.Sprintf("gives tokens of the type %q, expected Bearer", plain(answer.Type))}
	}
	return answer.Token, time.Duration(min(max(answer.Expires, 0), 1e6)) * time.Second, nil
}

// unusual reports whether a character cannot be in a header's token.
func unusual(r rune) bool { return r <= ' ' || r >= 0x7f }

// plain shortens a code that another server sent, and leaves out what cannot be in one.
func plain(code string) string {
	code = strings.Map(func(r rune) rune {
		if unusual(r) {
			return '_'
		}
		return r
	}, code)
	return code[:min(len(code), 80)]
}
