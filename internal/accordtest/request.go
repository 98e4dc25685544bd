package accordtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/taxii"
)

// Request is one request. Fields that are not set default to what a TAXII 2.1 client sends.
type Request struct {
	As       string // the account; "" sends no credentials
	Password string // default Password(As)
	Method   string // default GET
	Path     string // with its query string

	Accept      string      // default the TAXII media type; "-" sends none
	ContentType string      // of a Body, default the TAXII media type; "-" sends none
	Body        []byte      // nil: none
	Chunked     bool        // send the Body without Content-Length
	Header      http.Header // further headers, which override the others
}

// Answer is the answer to a Request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request. A failure to get an answer ends the test.
func (s *Server) Do(r Request) Answer {
	s.t.Helper()
	a, err := s.Try(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return a
}

// Try sends a request.
func (s *Server) Try(r Request) (Answer, error) { return r.Send(s.Client, s.URL) }

// Send sends the request to the server at a URL without a path.
func (r Request) Send(client *http.Client, url string) (Answer, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
		if r.Chunked {
			body = io.MultiReader(body) // hides the length
		}
	}
	req, err := http.NewRequest(r.Method, url+r.Path, body)
	if err != nil {
		return Answer{}, err
	}
	header(req, "Accept", r.Accept)
	kind := r.ContentType
	if kind == "" && strings.HasPrefix(r.Path, "/accord/") && r.Method != http.MethodGet {
		kind = "application/json" // which a change needs, with a body or without
	}
	if r.Body != nil || kind != "" {
		header(req, "Content-Type", kind)
	}
	if r.As != "" {
		req.SetBasicAuth(r.As, cmp.Or(r.Password, Password(r.As)))
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: text}, nil
}

func header(r *http.Request, name, value string) {
	switch value {
	case "":
		r.Header.Set(name, taxii.MediaType)
	case "-":
	default:
		r.Header.Set(name, value)
	}
}

// Get sends a GET as an account.
func (s *Server) Get(as, path string) Answer {
	s.t.Helper()
	return s.Do(Request{As: as, Path: path})
}

// Post sends objects in an envelope as an account, to a collection's path such as /nicp/collections/gsp/.
func (s *Server) Post(as, collection string, objects ...[]byte) Answer {
	s.t.Helper()
	return s.Do(Request{As: as, Method: http.MethodPost, Path: collection + "objects/", Body: Envelope(objects...)})
}

// JSON decodes the answer's body into v. It ends the test if the body is not JSON.
func (s *Server) JSON(a Answer, v any) {
	s.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		s.t.Fatalf("the answer of status %d is not the JSON that was expected: %v\n%s", a.Status, err, a.Body)
	}
}

// Path returns the path of a collection, by the agreement's alias.
func Path(agreement string) string {
	root := Industry
	switch agreement {
	case Circle, Watch, Tomorrow:
		root = Members
	}
	return "/" + root + "/collections/" + agreement + "/"
}

// Envelope returns a TAXII envelope of objects.
func Envelope(objects ...[]byte) []byte {
	var b strings.Builder
	b.WriteString(`{"objects":[`)
	b.Write(bytes.Join(objects, []byte(",")))
	b.WriteString(`]}`)
	return []byte(b.String())
}

// FillIntake adds objects of both parties of [Intake], and deletes one. In the journal, entry 1 is the terms, 2 to 6 are the
// vendor's indicators 0 to 4, 7 to 9 the agency's 5 to 7, and 10 is the deletion of the agency's first.
func (s *Server) FillIntake() {
	s.t.Helper()
	path := Path(Intake)
	for _, a := range []Answer{
		s.Post(Vendor, path, Indicators(0, 5)...),
		s.Post(Agency, path, Indicators(5, 8)...),
		s.Do(Request{As: Agency, Method: http.MethodDelete, Path: path + "objects/" + IndicatorID(5) + "/"}),
	} {
		if a.Status/100 != 2 {
			s.t.Fatalf("fill intake: got %d %s", a.Status, a.Body)
		}
	}
}
