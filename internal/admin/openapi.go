package admin

import (
	_ "embed"
	"net/http"
)

// openAPIText describes the routes that accounts reach.
//
//go:embed openapi.json
var openAPIText []byte

func (a *API) openAPI(*http.Request) (any, error) {
	return plain{"application/json", openAPIText}, nil
}
