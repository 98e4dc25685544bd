package taxii

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// Client talks to TAXII 2.1 servers. It may be used by several goroutines at once. Its methods take the URL of the
// resource they read, with or without the slash at the end, so that one client serves many roots and collections; where
// one takes a collection, the URL of the collection's objects does too.
//
// A request answered with 429 or 503 is repeated as the server's Retry-After says; any other refusal is a
// [*ResponseError].
type Client struct {
	http    *http.Client
	options ClientOptions
	sleep   func(ctx context.Context, d time.Duration) error
	now     func() time.Time
	place   atomic.Uint64 // see HeaderPlace: the latest that a server has named
}

// ClientOptions configures a Client. The zero value talks to a server that asks for no credentials and whose certificate
// the system trusts.
type ClientOptions struct {
	User, Password string // HTTP Basic (RFC 7617), sent with every request
	Token          string // as Authorization: Bearer, instead of Basic

	// Tokens, if set, returns the token of each request. refused is the token that the server has just answered with 401, or "":
	// the request is repeated once with another.
	Tokens func(ctx context.Context, refused string) (string, error)

	UserAgent string // "accord-taxii" when empty

	CAFile            string // PEM: certificates that are trusted besides the system's
	CertFile, KeyFile string // PEM: the certificate the client shows

	// AllowPlainHTTP lets credentials go over unencrypted HTTP to other machines. Loopback addresses need no permission.
	AllowPlainHTTP bool

	Retries int           // how often a request is repeated after 429 or 503; 0 means 5, below 0 never
	MaxWait time.Duration // the longest single wait that a server may ask for; 0 means 2 minutes

	// HTTP replaces the built-in HTTP client; then the files above must be empty.
	HTTP *http.Client
}

const (
	defaultRetries   = 5
	defaultMaxWait   = 2 * time.Minute
	defaultUserAgent = "accord-taxii"

	// The largest response body that is read.
	maxResponse = 1 << 30
)

// NewClient returns a client. Its error says which of the files cannot be used.
func NewClient(options ClientOptions) (*Client, error) {
	if options.UserAgent == "" {
		options.UserAgent = defaultUserAgent
	}
	if options.Retries == 0 {
		options.Retries = defaultRetries
	}
	if options.MaxWait == 0 {
		options.MaxWait = defaultMaxWait
	}
	if options.Tokens != nil && (options.Token != "" || options.User != "") {
		return nil, errors.New("a source of tokens and another credential are both given, expected one of them")
	}
	if options.Token != "" && (options.User != "" || options.Password != "") {
		return nil, errors.New("a token and a user are both given, expected one of them")
	}
	c := &Client{options: options, sleep: sleep, now: time.Now}
	if options.HTTP != nil {
		if options.CAFile != "" || options.CertFile != "" || options.KeyFile != "" {
			return nil, errors.New("certificate files are given beside an HTTP client, which has its own")
		}
		own := *options.HTTP
		c.http = &own
	} else {
		config, err := tlsConfig(options)
		if err != nil {
			return nil, err
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config
		transport.ResponseHeaderTimeout = 5 * time.Minute // a large envelope takes a while to be judged
		c.http = &http.Client{Transport: transport}
	}
	c.http.CheckRedirect = checkRedirect
	return c, nil
}

func tlsConfig(options ClientOptions) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.CAFile != "" {
		pem, err := os.ReadFile(options.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA file %s has no certificate in it, expected PEM blocks that begin with -----BEGIN CERTIFICATE-----", options.CAFile)
		}
		config.RootCAs = pool
	}
	if options.CertFile != "" || options.KeyFile != "" {
		cert, err := tls.LoadX509KeyPair(options.CertFile, options.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("load the client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// NewTransport returns a transport for other servers than TAXII's that a client of one asks, such as one that gives tokens. It
// trusts the certificates in a file besides the system's; "" is none.
func NewTransport(caFile string) (*http.Transport, error) {
	config, err := tlsConfig(ClientOptions{CAFile: caFile})
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	return transport, nil
}

// checkRedirect follows redirects of a GET within one host and scheme only: a redirected POST becomes a GET without its
// body, and credentials are for one server.
func checkRedirect(next *http.Request, before []*http.Request) error {
	from := before[len(before)-1]
	sameHost := next.URL.Host == from.URL.Host && next.URL.Scheme == from.URL.Scheme
	if len(before) > 5 || from.Method != http.MethodGet || !sameHost {
		return http.ErrUseLastResponse
	}
	return nil
}

// mayCarryCredentials refuses to send a password unencrypted.
func (c *Client) mayCarryCredentials(request *http.Request) error {
	if request.URL.Scheme == "https" || c.options.AllowPlainHTTP {
		return nil
	}
	host := request.URL.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("the URL %s is not https, so the password or token would travel in the clear", request.URL.Redacted())
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
