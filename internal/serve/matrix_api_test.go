package serve_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// apiRows is the matrix of /accord/v1: for each route, what it answers the accounts vendor (producer and consumer of gsp),
// agency (consumer and auditor of gsp), member and outsider (without a role in it), and an operator. Without an account the
// answer is 401 everywhere.
var apiRows = map[string][5]int{
	"GET accounts/":                               {403, 403, 403, 403, 200},
	"POST accounts/":                              {403, 403, 403, 403, 409},
	"GET accounts/{name}/":                        {403, 403, 403, 403, 404},
	"POST accounts/{name}/disable/":               {403, 403, 403, 403, 404},
	"POST accounts/{name}/enable/":                {403, 403, 403, 403, 404},
	"POST accounts/{name}/password/":              {403, 403, 403, 403, 409},
	"POST accounts/{name}/totp/":                  {403, 403, 403, 403, 404},
	"POST accounts/{name}/tokens/":                {403, 403, 403, 403, 404},
	"POST accounts/{name}/tokens/{token}/revoke/": {403, 403, 403, 403, 404},
	"GET agreements/":                             {200, 200, 200, 200, 200},
	"GET agreements/{name}/":                      {200, 200, 404, 404, 200},
	"GET agreements/{name}/changes/":              {403, 200, 404, 404, 200},
	"GET agreements/{name}/checkpoint/":           {200, 200, 404, 404, 200},
	"GET agreements/{name}/content/":              {404, 404, 404, 404, 404},
	"GET agreements/{name}/deliveries/":           {403, 200, 404, 404, 200},
	"GET agreements/{name}/entries/":              {403, 200, 404, 404, 200},
	"GET agreements/{name}/entry/":                {404, 404, 404, 404, 404},
	"GET agreements/{name}/events/":               {200, 200, 404, 404, 200},
	"GET agreements/{name}/explain/":              {403, 403, 403, 403, 404},
	"GET agreements/{name}/history/":              {200, 200, 404, 404, 200},
	"GET agreements/{name}/logged/":               {200, 200, 404, 404, 200},
	"DELETE agreements/{name}/objects/{id}/":      {403, 403, 403, 403, 400},
	"GET agreements/{name}/objects/{id}/":         {403, 403, 403, 403, 404},
	"GET agreements/{name}/proof/":                {400, 400, 404, 404, 400},
	"GET agreements/{name}/queue/":                {403, 403, 403, 403, 200},
	"POST agreements/{name}/queue/":               {403, 403, 403, 403, 400},
	"POST agreements/{name}/try/":                 {400, 403, 404, 404, 403},
	"GET mirrors/":                                {403, 403, 403, 403, 200},
	"POST mirrors/{name}/now/":                    {403, 403, 403, 403, 404},
	"POST mirrors/{name}/pause/":                  {403, 403, 403, 403, 404},
	"POST mirrors/{name}/resume/":                 {403, 403, 403, 403, 404},
	"POST mirrors/{name}/trust/":                  {403, 403, 403, 403, 404},
	"POST agreements/{name}/positions/":           {200, 200, 404, 404, 200},
	"POST agreements/{name}/heads/":               {400, 400, 404, 404, 400},
	"GET agreements/{name}/peers/":                {403, 200, 404, 404, 200},
	"GET agreements/{name}/trace/":                {400, 400, 404, 404, 400},
	"GET agreements/{name}/refused/":              {200, 403, 404, 404, 200},
	"POST agreements/{name}/refused/retry/":       {400, 403, 404, 404, 400},
	"GET agreements/{name}/refused/{id}/":         {404, 403, 404, 404, 404},
	"GET agreements/{name}/release/":              {403, 403, 403, 403, 409},
	"POST agreements/{name}/renew/":               {403, 403, 403, 403, 400},
	"POST agreements/{name}/resume/":              {403, 403, 403, 403, 404},
	"POST agreements/{name}/suspend/":             {403, 403, 403, 403, 404},
	"POST agreements/{name}/terminate/":           {403, 403, 403, 403, 404},
	"GET agreements/{name}/terms/":                {403, 404, 404, 404, 404},
	"GET graph/{id}/":                             {404, 404, 404, 404, 404},
	"GET keys/":                                   {200, 200, 200, 200, 200},
	"GET openapi.json/":                           {200, 200, 200, 200, 200},
	"GET objects/{id}/":                           {404, 404, 404, 404, 404},
	"GET objects/{id}/text/":                      {404, 404, 404, 404, 404},
	"GET agreements/{name}/report/":               {403, 403, 403, 403, 200},
	"GET parties/{name}/":                         {403, 403, 403, 403, 404},
	"GET parties/{name}/received/":                {403, 403, 403, 403, 404},
	"GET certificates/":                           {403, 403, 403, 403, 200},
	"POST parties/{name}/delete/":                 {403, 403, 403, 403, 404},
	"POST accounts/{name}/delete/":                {403, 403, 403, 403, 404},
	"POST apply/":                                 {403, 403, 403, 403, 422},
	"GET parties/":                                {403, 403, 403, 403, 200},
	"POST parties/":                               {403, 403, 403, 403, 409},
	"GET search/":                                 {200, 200, 200, 200, 200},
	"POST search/":                                {200, 200, 200, 200, 200},
	"GET server/checkpoint/":                      {200, 200, 200, 200, 200},
	"GET server/entries/":                         {403, 403, 403, 403, 200},
	"GET server/entry/":                           {403, 403, 403, 403, 404},
	"GET server/history/":                         {403, 403, 403, 403, 200},
	"GET server/proof/":                           {400, 400, 400, 400, 400},
	"GET stats/":                                  {200, 200, 200, 200, 200},
	"GET status/":                                 {403, 403, 403, 403, 200},
	"GET webhooks/":                               {200, 200, 200, 200, 200},
	"POST webhooks/":                              {400, 400, 400, 400, 400},
	"GET webhooks/{id}/":                          {404, 404, 404, 404, 404},
	"POST webhooks/{id}/test/":                    {404, 404, 404, 404, 404},
	"POST webhooks/{id}/replay/":                  {404, 404, 404, 404, 404},
	"POST webhooks/{id}/remove/":                  {404, 404, 404, 404, 404},
	"GET outboxes/":                               {403, 403, 403, 403, 200},
	"GET outboxes/{name}/":                        {403, 403, 403, 403, 404},
	"POST outboxes/{name}/retry/":                 {403, 403, 403, 403, 404},
	"POST outboxes/{name}/pause/":                 {403, 403, 403, 403, 404},
	"POST outboxes/{name}/resume/":                {403, 403, 403, 403, 404},
	"GET ways/{id}/":                              {403, 403, 403, 403, 404},
	"GET witnesses/":                              {403, 403, 403, 403, 200},
}

// apiPath fills in the parts of a route's path that are names: an agreement that is there, and nothing else that is.
func apiPath(path string) string {
	name := "nobody"
	if strings.HasPrefix(path, "agreements/") {
		name = accordtest.Programme
	}
	for _, change := range []string{"renew/", "resume/", "suspend/", "terminate/"} {
		if strings.HasSuffix(path, change) {
			name = "absent" // an operator would change it
		}
	}
	id := accordtest.IndicatorID(99)
	if strings.Contains(path, "refused/") {
		id = strings.Repeat("0", 32)
	}
	return "/accord/v1/" + strings.NewReplacer("{name}", name, "{id}", id, "{token}", "none").Replace(path)
}

// Every route of /accord/v1, which the OpenAPI document lists, answers every role as the matrix says, and no spelling of its path
// gives a role more than the plain one does.
func TestEveryRouteOfTheAPIHoldsForEveryRole(t *testing.T) {
	s := accordtest.New(t, accordtest.WithIndex())
	h := s.TAXII.Handler()
	ask := func(method, path, as string) int {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if strings.Contains(path, "events") {
			defer time.AfterFunc(50*time.Millisecond, cancel).Stop() // a stream has no other end
		}
		r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, nil)
		if err != nil {
			return 0
		}
		r.RequestURI, r.RemoteAddr, r.Body = path, "127.0.0.1:1", http.NoBody
		r.Header.Set("Content-Type", "application/json")
		if as != "" {
			r.SetBasicAuth(as, accordtest.Password(as))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	s.JSON(s.Get(accordtest.Operator, "/accord/v1/openapi.json"), &document)
	var listed []string
	for path, methods := range document.Paths {
		for method := range methods {
			if method == "parameters" {
				continue
			}
			route := strings.ToUpper(method) + " " + strings.TrimPrefix(strings.TrimPrefix(path, "/accord/v1"), "/")
			if !strings.HasSuffix(route, "/") {
				route += "/"
			}
			listed = append(listed, route)
			if _, known := apiRows[route]; !known {
				t.Errorf("the route %s is not in the matrix", route)
			}
		}
	}
	roles := []string{accordtest.Vendor, accordtest.Agency, accordtest.Member, accordtest.Outsider, accordtest.Operator}
	for route, want := range apiRows {
		if !slices.Contains(listed, route) {
			t.Errorf("the matrix has %s, which is no route", route)
			continue
		}
		method, path, _ := strings.Cut(route, " ")
		path = apiPath(path)
		for i, as := range append([]string{""}, roles...) {
			expected := http.StatusUnauthorized
			if i > 0 {
				expected = want[i-1]
			}
			plain := ask(method, path, as)
			if plain != expected {
				t.Errorf("%s as %q: got %d, want %d", route, as, plain, expected)
			}
			if strings.Contains(path, "events") {
				continue
			}
			for _, spelling := range spellings {
				if got := ask(method, spelling.of(path), as); got >= 500 || got != plain && got < 400 && got != 0 {
					t.Errorf("%s (%s) as %q: got %d where the plain path has %d", route, spelling.name, as, got, plain)
				}
			}
		}
	}
}
