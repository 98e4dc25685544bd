package admin

import (
	_ "embed"
)

// openAPIText describes the routes that accounts reach.
//
//go:embed openapi.json
var openAPIText []byte

func (s *Service) serveOpenAPI(call) (any, error) {
	return plain{"application/json", openAPIText}, nil
}
