package admin

import (
	"net/http"

	"github.com/accord-taxii/accord/internal/agreement"
)

// As serves what an account is served over the network, without its login.
func (s *Service) As(caller agreement.Caller) http.Handler {
	routed := s.handler(Prefix, false)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { routed.ServeHTTP(w, withCaller(r, caller)) })
}

// ReadPaths are the paths that an account may read.
func ReadPaths() (paths []string) {
	for _, r := range routes {
		if r.method == http.MethodGet && r.reach != local {
			paths = append(paths, r.path)
		}
	}
	return paths
}
