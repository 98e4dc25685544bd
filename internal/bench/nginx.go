package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/accord-taxii/accord/internal/tlsconf"
)

// nginxConfig takes a folder for files of its own, what listens, the folder of the answers, and a location for each.
const nginxConfig = `worker_processes auto;
error_log stderr crit;
pid %[1]s/nginx.pid;
daemon off;
events { worker_connections 256; }
http {
	access_log off;
	server_tokens off;
	etag off;
	max_ranges 0;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 600s;
	keepalive_requests 100000000;
	open_file_cache max=64 inactive=10m;
	open_file_cache_valid 10m;
	default_type "application/taxii+json;version=2.1";
	client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
	server {
		%[2]s
		root %[3]s;
%[4]s	}
}
`

// The one cipher suite that Go's server and nginx are held to: Go chooses it by itself where a processor has AES, nginx has
// to be told.
const cipherSuite = "TLS_AES_128_GCM_SHA256"

// startNginx starts nginx on what was recorded in a folder; without a certificate it speaks plain HTTP. Its own files go
// into scratch, which must be its alone.
func startNginx(ctx context.Context, scratch, dir string, cert tlsconf.Files) (*process, error) {
	answers, err := recordings(dir)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	url, listen := "http://"+address, "listen "+address+";"
	if cert.Cert != "" {
		url = "https://" + address
		listen = fmt.Sprintf("listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3; "+
			"ssl_conf_command Ciphersuites %s; ssl_session_cache shared:SSL:1m; ssl_session_timeout 10m;", address, cert.Cert, cert.Key, cipherSuite)
	}
	config := filepath.Join(scratch, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, scratch, listen, dir, locations(answers)), 0o600); err != nil {
		return nil, err
	}
	// Its workers may have another user, who must be able to read the files.
	for _, d := range []string{filepath.Dir(filepath.Dir(scratch)), filepath.Dir(scratch), scratch, dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			return nil, err
		}
	}
	cmd := child(ctx, "nginx", "-c", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{url: url, pid: cmd.Process.Pid, stop: func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }}
	if err := await(ctx, address, 5*time.Second); err != nil {
		p.stop()
		return nil, fmt.Errorf("start nginx: %w", err)
	}
	return p, nil
}

// locations lets nginx send the headers that were recorded with an answer.
func locations(answers map[string]recorded) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		fmt.Fprintf(&b, "\t\tlocation = /%s {", name)
		header := answers[name].header
		for _, h := range slices.Sorted(maps.Keys(header)) {
			if h != "Content-Type" {
				fmt.Fprintf(&b, " add_header %s %q;", h, strings.ReplaceAll(header.Get(h), "$", ""))
			}
		}
		b.WriteString(" add_header Last-Modified \"\"; }\n")
	}
	return b.String()
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
