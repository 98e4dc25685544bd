package mirror

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/taxii"
)

// Bounds of one answer.
const (
	mostBody   = 64 << 20 // bytes; beyond it a smaller page is asked for
	answerTime = 2 * time.Minute
	dialTime   = 15 * time.Second
	userAgent  = "accord-mirror"
)

// remote is a collection of another server.
type remote struct {
	base   string // URL of the collection, with a slash at its end
	client *http.Client
	login  login
	old    bool  // it speaks TAXII 2.0
	most   int64 // bytes of an answer
	now    func() time.Time
}

// newRemote returns the remote collection that terms name. secret is what logs in there.
func newRemote(r *agreement.Remote, secret string, now func() time.Time) (*remote, error) {
	if err := agreement.CheckRemoteURL(r.URL); err != nil {
		return nil, fault(FaultSetup, "", "%w", err)
	}
	if r.Login != agreement.LoginNone && secret == "" {
		return nil, fault(FaultSetup, "apply the file again that names it", "the %s for %s is missing", r.Login, r.URL)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CA != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM([]byte(r.CA))
		config.RootCAs = pool
	}
	if r.Login == agreement.LoginCertificate {
		pair, err := tls.X509KeyPair([]byte(r.Shown), []byte(secret))
		if err != nil {
			return nil, fault(FaultSetup, "apply the file again with a certificate and its key", "certificate and key for %s: %w", r.URL, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{
		Timeout: answerTime,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext, TLSClientConfig: config,
			TLSHandshakeTimeout: dialTime, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			from := before[0].URL
			if len(before) > 5 || next.URL.Host != from.Host || next.URL.Scheme != from.Scheme { // credentials are for one server
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	base := strings.TrimRight(r.URL, "/")
	for _, resource := range []string{"/objects", "/manifest"} {
		base = strings.TrimSuffix(base, resource)
	}
	return &remote{base: base + "/", client: client, login: newLogin(r, secret, client), most: mostBody, now: now}, nil
}

func (r *remote) close() { r.client.CloseIdleConnections() }

// errLarge says that an answer is beyond the bound: fewer items may do.
var errLarge = errors.New("the answer is too large")

// refused is an answer with a status that is not 2xx and that a different question may avoid.
type refused struct {
	status int
	title  string
}

func (e *refused) Error() string {
	text := fmt.Sprintf("the remote server answered %d %s", e.status, http.StatusText(e.status))
	if e.title != "" {
		text += ": " + e.title
	}
	return text
}

// head is what the header of an answer says about a page.
type head struct {
	last time.Time // X-TAXII-Date-Added-Last; zero: missing, or no time
	date time.Time // of the remote server's clock; zero: missing
	more bool      // TAXII 2.0: the answer is a part of the whole
}

// get reads a resource below the collection into value. Its errors are a *Fault, errLarge or a *refused.
func (r *remote) get(ctx context.Context, resource string, query url.Values, value any) (head, error) {
	resp, body, err := r.once(ctx, resource, query)
	if err == nil && resp.StatusCode == http.StatusUnauthorized && r.login.renew() {
		resp, body, err = r.once(ctx, resource, query)
	}
	if err != nil {
		return head{}, err
	}
	if resp.StatusCode/100 != 2 {
		return head{}, statusFault(resp, body)
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		if kind := resp.Header.Get("Content-Type"); strings.Contains(kind, "html") {
			return head{}, fault(FaultLogin, "check the URL, the user and the password", "the remote server answered with a page for people (%s)", short(kind))
		}
		return head{}, fault(FaultNotTAXII, "check the URL", "the answer is not a JSON object, but begins with %q", short(string(trimmed)))
	}
	if err := json.Unmarshal(body, value); err != nil {
		return head{}, fault(FaultNotTAXII, "check the URL", "read the answer: %w", err)
	}
	h := head{}
	h.last, _ = taxii.ParseTime(resp.Header.Get(taxii.HeaderLast))
	h.date, _ = http.ParseTime(resp.Header.Get("Date"))
	h.more = r.old && isPart(resp)
	return h, nil
}

// once asks for a resource below the collection once.
func (r *remote) once(ctx context.Context, resource string, query url.Values) (*http.Response, []byte, error) {
	address := r.base + resource
	header := http.Header{"Accept": {taxii.MediaType}}
	if r.old {
		query = header20(header, resource, query)
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return r.send(ctx, http.MethodGet, address, header, nil)
}

// send sends one request and reads the answer.
func (r *remote) send(ctx context.Context, method, address string, header http.Header, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, fault(FaultSetup, "", "%w", err)
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", userAgent)
	if err := r.login.add(ctx, req); err != nil {
		return nil, nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, nil, connectionFault(ctx, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, r.most+1))
	if err != nil {
		return nil, nil, connectionFault(ctx, err)
	}
	if int64(len(text)) > r.most {
		return nil, nil, errLarge
	}
	return resp, text, nil
}

// notEstablished is what net/http says, in words only, of a connection that ended between the handshake and HTTP/2's first words.
const notEstablished = "http2: client conn could not be established"

// connectionFault names what kept an answer from coming.
func connectionFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var verify *tls.CertificateVerificationError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &host), errors.As(err, &verify):
		return fault(FaultCertificate, "if it is a new certificate that you trust, give its issuer as ca", "the remote server's certificate: %w", err)
	case errors.As(err, &op) && op.Op == "remote error": // an alert of TLS
		return fault(FaultCertificate, "check certificate and key", "the remote server refuses the connection: %w", err)
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), err.Error() == notEstablished:
		// A server that refuses a certificate says so after its part of the handshake, which a request may not live to read.
		return fault(FaultUnreachable, "if it asks for a certificate, check certificate and key", "the remote server closed the connection: %w", err)
	}
	return fault(FaultUnreachable, "", "the remote server cannot be reached: %w", err)
}

// statusFault names what a status says; a *refused where another question may do.
func statusFault(resp *http.Response, body []byte) error {
	e := &refused{status: resp.StatusCode}
	var resource taxii.Error
	if json.Unmarshal(body, &resource) == nil {
		e.title = short(resource.Title)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault(FaultLogin, "check the user and the password, and what the remote server's operator allows them", "%w", e)
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return fault(FaultVersion, "ask for its TAXII 2.1 address", "it may speak another version of TAXII than 2.1: %w", e)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f := fault(FaultBusy, "", "%w", e)
		if seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
			f.After = time.Duration(seconds) * time.Second
		}
		return f
	}
	if resp.StatusCode/100 == 3 {
		return fault(FaultStatus, "give the URL that it redirects to", "the remote server redirects to another one, which is not followed: %w", e)
	}
	return e
}

// short bounds what is repeated of an answer.
func short(text string) string {
	const most = 120
	if len(text) > most {
		text = text[:most]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}
