package serve

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accord-taxii/accord/internal/admin"
)

// certificates lists the certificates that the server shows and the issuers whose certificates it accepts.
func (s *srv) certificates() (list []admin.NamedCertificate) {
	if s.certificate == nil {
		return nil
	}
	loaded := s.certificate.Loaded()
	if leaf := loaded.Certificate(); leaf != nil {
		list = append(list, admin.NamedCertificate{File: s.certificateFile, Use: "server", Certificate: leaf})
	}
	for _, issuer := range loaded.Issuers {
		list = append(list, admin.NamedCertificate{File: s.config.Transport.Files.ClientCA, Use: "client issuer", Certificate: issuer})
	}
	return list
}

// expired returns the server's own certificate if it has ended: no client takes it any more.
func (s *srv) expired() (c admin.NamedCertificate, past bool) {
	for _, c := range s.certificates() {
		if c.Use == "server" && !s.config.Now().Before(c.Certificate.NotAfter) {
			return c, true
		}
	}
	return c, false
}

const (
	certificateWarning  = 30 * 24 * time.Hour // before its end
	certificateReminder = 24 * time.Hour      // how often it is logged
)

// watchCertificates logs certificates that end soon, and those that have ended, once a day.
func (s *srv) watchCertificates(context.Context) (stop, error) {
	return s.every(certificateReminder, func(context.Context) {
		for _, c := range s.certificates() {
			left := c.Certificate.NotAfter.Sub(s.config.Now())
			event, message := s.config.Log.Warn(), "a certificate ends soon: renew it"
			switch {
			case left <= 0:
				event, message = s.config.Log.Error(), "a certificate has ended: renew it"
			case left > certificateWarning:
				continue
			}
			event.Str("use", c.Use).Str("file", c.File).Str("subject", c.Certificate.Subject.String()).
				Time("until", c.Certificate.NotAfter).Int("days", int(left/(24*time.Hour))).Msg(message)
		}
	}), nil
}

// certificateMetrics collects how long certificates are valid when it is asked to.
type certificateMetrics struct {
	list func() []admin.NamedCertificate
	now  func() time.Time
}

var certificateDesc = prometheus.NewDesc("accord_certificate_expires_seconds",
	"Seconds until a certificate ends, negative once it has, by its use and subject.", []string{"use", "subject"}, nil)

// Describe implements prometheus.Collector.
func (f certificateMetrics) Describe(descs chan<- *prometheus.Desc) { descs <- certificateDesc }

// Collect implements prometheus.Collector.
func (f certificateMetrics) Collect(metrics chan<- prometheus.Metric) {
	type series struct{ use, subject string }
	ends := map[series]time.Time{} // of two under one name, the earlier
	for _, c := range f.list() {
		k := series{c.Use, c.Certificate.Subject.String()}
		if end, ok := ends[k]; !ok || c.Certificate.NotAfter.Before(end) {
			ends[k] = c.Certificate.NotAfter
		}
	}
	for k, end := range ends {
		metrics <- prometheus.MustNewConstMetric(certificateDesc, prometheus.GaugeValue, end.Sub(f.now()).Seconds(), k.use, k.subject)
	}
}
