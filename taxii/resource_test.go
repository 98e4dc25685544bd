package taxii

import (
	"encoding/json"
	"testing"
)

// T-030, T-031, T-034, T-036, T-050: exact names and types, and never an empty list.
func TestResourcesOnTheWire(t *testing.T) {
	for _, row := range []struct {
		name     string
		resource any
		want     string
	}{
		{"a discovery without roots", Discovery{Title: "T"}, `{"title":"T"}`},
		{"a discovery", Discovery{Title: "T", Description: "D", Contact: "C", Default: "/a/", APIRoots: []string{"/a/"}}, `{"title":"T","description":"D","contact":"C","default":"/a/","api_roots":["/a/"]}`},
		{"an API root (T-041, T-042)", APIRoot{Title: "T", Versions: []string{MediaType}, MaxContentLength: 9}, `{"title":"T","versions":["application/taxii+json;version=2.1"],"max_content_length":9}`},
		{"no collections (T-051)", Collections{}, `{}`},
		{"a collection", Collection{ID: "i", Title: "T"}, `{"id":"i","title":"T","can_read":false,"can_write":false}`},
		{"a full collection", Collection{ID: "i", Title: "T", Description: "D", Alias: "a", CanRead: true, CanWrite: true, MediaTypes: []string{StixMediaType}}, `{"id":"i","title":"T","description":"D","alias":"a","can_read":true,"can_write":true,"media_types":["application/stix+json;version=2.1"]}`},
		{"an empty envelope (T-059)", Envelope{}, `{}`},
		{"a last page always states more", Envelope{Objects: []json.RawMessage{[]byte(`{"a":1.50}`)}}, `{"more":false,"objects":[{"a":1.50}]}`},
		{"an empty manifest (T-059)", Manifest{}, `{}`},
		{"a manifest (T-092)", Manifest{More: true, Next: "n", Objects: []ManifestRecord{{ID: "i", DateAdded: "d", Version: "v"}}}, `{"more":true,"next":"n","objects":[{"id":"i","date_added":"d","version":"v"}]}`},
		{"no versions (T-059)", Versions{}, `{}`},
		{"versions", Versions{Versions: []string{"v"}}, `{"more":false,"versions":["v"]}`},
		{"a status has all counts (T-048)", Status{ID: "i", Status: StatusComplete}, `{"id":"i","status":"complete","total_count":0,"success_count":0,"failure_count":0,"pending_count":0}`},
		{"a status detail (T-050)", StatusDetail{ID: "i", Version: "v"}, `{"id":"i","version":"v"}`},
		{"an error has its status as text (T-036)", Error{Title: "T", HTTPStatus: "404"}, `{"title":"T","http_status":"404"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := json.Marshal(row.resource)
			if err != nil || string(got) != row.want {
				t.Errorf("got %s, %v\nwant %s", got, err, row.want)
			}
		})
	}
}
