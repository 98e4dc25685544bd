package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// secureReads compares over TLS, all with one certificate and one cipher suite.
func (j *job) secureReads(ctx context.Context, s *section, data string, asked []question, files string) error {
	cert, err := tlsconf.SelfSigned(j.scratch, time.Now())
	if err != nil {
		return err
	}
	a, err := startAccord(ctx, j.bin, data, "--tls-cert", cert.Cert, "--tls-key", cert.Key)
	if err != nil {
		return err
	}
	defer a.stop()
	bare, err := startReference(ctx, kindNetHTTP, files, cert)
	if err != nil {
		return err
	}
	defer bare.stop()
	nginx, err := j.nginx(ctx, "nginx-tls", files, cert)
	if err != nil {
		return err
	}
	defer nginx.stop()
	for _, url := range []string{a.url, bare.url, nginx.url} {
		if err := sameProtection(ctx, url); err != nil {
			return err
		}
	}
	t := table{title: "Over TLS 1.3, " + cipherSuite + ", one certificate", head: []string{"what", "accord", "net/http", "nginx",
		"accord / net/http", "of each turn", "accord / nginx", "of each turn", "accord's CPU", "net/http's", "nginx's"}}
	for _, q := range j.wanted(both(asked)) {
		if q.file == "versions" || q.file == "manifest" {
			continue
		}
		subjects := []subject{q.ask("accord", a), q.askReference("net/http", bare)}
		if nginx.url != "" {
			subjects = append(subjects, q.askReference("nginx", nginx))
		}
		got, err := compare(ctx, j.options, subjects)
		if err != nil {
			return fmt.Errorf("%s over TLS: %w", q.name, err)
		}
		got = append(got, nil)[:3]
		toBare, toNginx := ratios(got[0].rates(), got[1].rates()), ratios(got[0].rates(), got[2].rates())
		t.add(q.name, got[0].rate(), got[1].rate(), got[2].rate(), ratio(toBare), spread(toBare), ratio(toNginx), spread(toNginx),
			got[0].cpu(), got[1].cpu(), got[2].cpu())
		if strings.HasPrefix(q.name, "page") && nginx.url != "" {
			s.atLeast(q.name+" over TLS, of nginx", 0.85, median(toNginx))
		}
	}
	s.table(t)
	return nil
}

// sameProtection says whether a server speaks as the comparison wants all of them to. "" is a server that is not there.
func sameProtection(ctx context.Context, url string) error {
	if url == "" {
		return nil
	}
	address := strings.TrimPrefix(url, "https://")
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	state := c.(*tls.Conn).ConnectionState()
	if got := tls.CipherSuiteName(state.CipherSuite); state.Version != tls.VersionTLS13 || got != cipherSuite {
		return fmt.Errorf("%s speaks %s, %s, expected TLS 1.3, %s", url, tls.VersionName(state.Version), got, cipherSuite)
	}
	return nil
}
