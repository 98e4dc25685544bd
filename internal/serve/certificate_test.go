package serve

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

func TestACertificateThatHasEndedIsSaid(t *testing.T) {
	made := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	files, err := tlsconf.SelfSigned(filepath.Join(t.TempDir(), "tls"), made)
	if err != nil {
		t.Fatal(err)
	}
	now := made
	s := &srv{config: Config{Now: func() time.Time { return now }}, certificateFile: files.Cert}
	if s.certificate, err = tlsconf.NewCurrent(files); err != nil {
		t.Fatal(err)
	}
	o := &operations{registry: prometheus.NewRegistry(), expired: s.expired, closed: func() int { return 0 }}
	o.registry.MustRegister(certificateMetrics{s.certificates, s.config.Now})
	o.ready.Store(true)
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		o.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, text := ask("/readyz"); code != http.StatusOK || text != "ready\n" {
		t.Errorf("got %d %q, want it ready", code, text)
	}
	if _, text := ask("/metrics"); !strings.Contains(text, "accord_certificate_expires_seconds{") {
		t.Errorf("no metric of the certificate in\n%s", text)
	}
	now = s.certificates()[0].Certificate.NotAfter
	if code, text := ask("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(text, files.Cert) {
		t.Errorf("past its end: got %d %q, want 503 and the file", code, text)
	}
}
