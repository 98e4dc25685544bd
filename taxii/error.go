package taxii

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error is the error resource (section 3.6.1). As a Go error it reads as its title and description.
type Error struct {
	Title           string          `json:"title"`
	Description     string          `json:"description,omitempty"`
	ErrorID         string          `json:"error_id,omitempty"`   // this occurrence
	ErrorCode       string          `json:"error_code,omitempty"` // this kind of error
	HTTPStatus      string          `json:"http_status,omitempty"`
	ExternalDetails string          `json:"external_details,omitempty"`
	Details         json.RawMessage `json:"details,omitempty"` // a JSON object
}

func (e *Error) Error() string {
	if e.Description == "" {
		return e.Title
	}
	return e.Title + ": " + e.Description
}

// NotAcceptableError says that no media range of the Accept header can be served: 406.
type NotAcceptableError struct {
	Accept  string   // the header's value
	Offered []string // media types that can be served
	Hint    string   // what the sender may not know, or ""
}

func (e *NotAcceptableError) Error() string {
	text := fmt.Sprintf("the Accept header asks for %s; this resource comes as %s", quote(e.Accept), enumerate(e.Offered))
	return withHint(text, e.Hint)
}

// UnsupportedMediaError says that the media type or the coding of a request's body is not supported: 415.
type UnsupportedMediaError struct {
	Header string // Content-Type or Content-Encoding
	Value  string // the header's value; "" when it is missing
	Want   string
	Hint   string
}

func (e *UnsupportedMediaError) Error() string {
	text := fmt.Sprintf("the %s is %s, expected %s", e.Header, quote(e.Value), e.Want)
	if e.Value == "" {
		text = fmt.Sprintf("the request has no %s, expected %s", e.Header, e.Want)
	}
	return withHint(text, e.Hint)
}

// ParameterError says what is wrong with a query parameter, and what would be right: 400 (section 3.4).
type ParameterError struct {
	Param   string // as the Standard writes it, for instance match[type]; "" when the query string itself is malformed
	Value   string // what was found
	Problem string
}

func (e *ParameterError) Error() string {
	if e.Param == "" {
		return "the query string is malformed: " + e.Problem
	}
	return fmt.Sprintf("parameter %s=%s: %s", e.Param, clip(e.Value), e.Problem)
}

func withHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + " (" + hint + ")"
}

func enumerate(items []string) string {
	text := ""
	for i, item := range items {
		if i > 0 {
			text += " or "
		}
		text += item
	}
	return text
}

// shown bounds how much of a request's text a message quotes, in bytes.
const shown = 80

func quote(s string) string { return strconv.Quote(cut(s)) }

func clip(s string) string {
	q := strconv.Quote(cut(s))
	return q[1 : len(q)-1]
}

func cut(s string) string {
	if len(s) <= shown {
		return s
	}
	end := shown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
