package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// A reference answers /NAME with the bytes of the file NAME in a folder: what serving them costs when nothing is asked,
// checked or looked up. It runs in a process of its own, as the server does.

// serveReference is the child process: net/http alone, from memory. It ends when its input does.
func serveReference(dir string) error {
	bodies := map[string][]byte{}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if bodies[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			return err
		}
	}
	bare := func(w http.ResponseWriter, r *http.Request) {
		body := bodies[r.URL.Path[1:]]
		h := w.Header()
		h.Set("Content-Type", mediaType)
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusOK)
		w.Write(body)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	return http.Serve(l, http.HandlerFunc(bare))
}

// startBare starts the child process; stop ends it.
func startBare(dir string) (url string, pid int, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, nil, err
	}
	cmd := exec.Command(self, "-reference", dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", 0, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", 0, nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	if _, err := fmt.Fscan(out, &url); err != nil {
		return "", 0, nil, fmt.Errorf("start the reference: %w", err)
	}
	return url, cmd.Process.Pid, func() { in.Close(); cmd.Wait() }, nil
}

const nginxConfig = `worker_processes 2;
error_log stderr crit;
pid %[1]s/nginx.pid;
daemon off;
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 100000000;
	open_file_cache max=64 inactive=10m;
	default_type application/taxii+json;
	client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
	server { listen 127.0.0.1:%[2]d; root %[3]s; }
}
`

// startNginx starts nginx on the same files; stop ends it.
func startNginx(scratch, dir string) (url string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	config := filepath.Join(scratch, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, scratch, port, dir), 0o600); err != nil {
		return "", nil, err
	}
	// Its workers may have another user, who must be able to read the files.
	for _, d := range []string{scratch, dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			return "", nil, err
		}
	}
	cmd := exec.Command("nginx", "-c", config)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if err := await(address, 5*time.Second); err != nil {
		stop()
		return "", nil, fmt.Errorf("start nginx: %w", err)
	}
	return "http://" + address, stop, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// await waits until somebody listens at an address.
func await(address string, patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(until) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
