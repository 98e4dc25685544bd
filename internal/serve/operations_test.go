package serve

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/admin"
)

// A node of a cluster that does not serve an agreement for the moment is ready, and says so.
func TestReadinessSaysWhatIsClosed(t *testing.T) {
	closed := 0
	o := &operations{registry: prometheus.NewRegistry(), closed: func() int { return closed },
		expired: func() (c admin.NamedCertificate, past bool) { return c, false }}
	o.ready.Store(true)
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w
	}
	if w := ask(); w.Code != http.StatusOK || w.Body.String() != "ready\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	closed = 2
	if w := ask(); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "ready\n2 agreements are not served here") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}
