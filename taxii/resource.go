package taxii

import "encoding/json"

// Discovery lists a server's API roots (section 4.1).
type Discovery struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Contact     string   `json:"contact,omitempty"`
	Default     string   `json:"default,omitempty"`   // one of APIRoots, the same text
	APIRoots    []string `json:"api_roots,omitempty"` // absolute https URLs, or paths from the host's root
}

// APIRoot describes one API root (section 4.2).
type APIRoot struct {
	Title            string   `json:"title"`
	Description      string   `json:"description,omitempty"`
	Versions         []string `json:"versions"`           // has MediaType in it
	MaxContentLength int64    `json:"max_content_length"` // octets of a request's body, above 0
}

// Collections lists the collections that the caller may know of (section 5.1); with none it is {}.
type Collections struct {
	Collections []Collection `json:"collections,omitempty"`
}

// Collection describes one collection to the caller who asks (section 5.2).
type Collection struct {
	ID          string   `json:"id"` // UUIDv4
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	CanRead     bool     `json:"can_read"`
	CanWrite    bool     `json:"can_write"`
	MediaTypes  []string `json:"media_types,omitempty"` // none means application/stix+json
}

// Envelope is a page of objects, each as the JSON text it came as (section 3.7). It marshals to {} when it has no
// objects and always states more otherwise, which is what clients need.
type Envelope struct {
	More    bool              `json:"more"`
	Next    string            `json:"next,omitempty"`
	Objects []json.RawMessage `json:"objects"`
}

// MarshalJSON writes {} for an empty page: the Standard has no empty lists (section 2).
func (e Envelope) MarshalJSON() ([]byte, error) {
	type page Envelope
	return marshalPage(len(e.Objects), page(e))
}

// Manifest is a page of manifest records (section 5.3). Its table in the Standard has no next, which clients need. It
// marshals like an Envelope.
type Manifest struct {
	More    bool             `json:"more"`
	Next    string           `json:"next,omitempty"`
	Objects []ManifestRecord `json:"objects"`
}

// MarshalJSON writes {} for an empty page.
func (m Manifest) MarshalJSON() ([]byte, error) {
	type page Manifest
	return marshalPage(len(m.Objects), page(m))
}

// ManifestRecord describes one version of an object in a collection (section 5.3.1).
type ManifestRecord struct {
	ID        string `json:"id"`
	DateAdded string `json:"date_added"` // TimeFormat
	Version   string `json:"version"`    // as the object has it
	MediaType string `json:"media_type,omitempty"`
}

// Versions is a page of an object's versions (section 5.8). It marshals like an Envelope.
type Versions struct {
	More     bool     `json:"more"`
	Next     string   `json:"next,omitempty"`
	Versions []string `json:"versions"`
}

// MarshalJSON writes {} for an empty page.
func (v Versions) MarshalJSON() ([]byte, error) {
	type page Versions
	return marshalPage(len(v.Versions), page(v))
}

func marshalPage(items int, page any) ([]byte, error) {
	if items == 0 {
		return []byte("{}"), nil
	}
	return json.Marshal(page)
}

// Values of Status.Status (section 4.3.1).
const (
	StatusComplete = "complete" // will not change again
	StatusPending  = "pending"
)

// Status says what became of the objects of one POST (section 4.3). TotalCount is the sum of the other three counts, and
// each list is absent or as long as its count.
type Status struct {
	ID               string         `json:"id"` // UUIDv4
	Status           string         `json:"status"`
	RequestTimestamp string         `json:"request_timestamp,omitempty"` // TimeFormat
	TotalCount       int            `json:"total_count"`
	SuccessCount     int            `json:"success_count"`
	Successes        []StatusDetail `json:"successes,omitempty"`
	FailureCount     int            `json:"failure_count"`
	Failures         []StatusDetail `json:"failures,omitempty"`
	// FailuresByRule stands instead of a list of failures that would be too long. The Standard does not have it.
	FailuresByRule []RuleCount `json:"x_failures_by_rule,omitempty"`

	PendingCount int            `json:"pending_count"`
	Pendings     []StatusDetail `json:"pendings,omitempty"`
}

// RuleCount is how many objects a rule refused.
type RuleCount struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"`
}

// StatusDetail is the part of a status about one object.
type StatusDetail struct {
	ID      string `json:"id"`      // the STIX id
	Version string `json:"version"` // modified, else created, else what the server calls this version
	Message string `json:"message,omitempty"`
}
