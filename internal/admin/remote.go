package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// Prefix is the path below which the API is served to accounts.
const Prefix = "/accord/v1/"

// Remote says how requests over the network come to a Service.
type Remote struct {
	// Identify returns the account that sent a request.
	Identify func(*http.Request) (auth.Account, error)

	// Enter admits a request, and returns what is called once it is answered; nil: all are admitted. An error that has a
	// method RetryAfter says that the account has reached a limit (429).
	Enter func(http.ResponseWriter, *http.Request, agreement.Caller) (leave func(), err error)
}

// Remote serves accounts over the network, below Prefix. Operators reach everything but what is for the machine itself;
// others what their role in an agreement allows.
func (s *Service) Remote(r Remote) http.Handler {
	routed := againstForgery(s.handler(Prefix, false))
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		account, err := r.Identify(req)
		if err != nil {
			writeError(w, err)
			return
		}
		caller := agreement.Caller{
			Account:  agreement.AccountName(account.Name),
			Party:    agreement.PartyName(account.Party),
			Operator: account.Operator,
		}
		if r.Enter != nil {
			leave, err := r.Enter(w, req, caller)
			if err != nil {
				writeError(w, err)
				return
			}
			defer leave()
		}
		routed.ServeHTTP(w, withCaller(req, caller))
	})
}

// BaseURL returns the URL of Prefix on a server, from the URL of the server or of anything on it.
func BaseURL(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not the URL of a server, expected https://HOST/", server)
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, "/") + Prefix, nil
}
