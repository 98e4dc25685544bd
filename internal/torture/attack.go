package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// attack is something that clients do to harm others. It runs until its context ends, in a process of its own.
type attack struct {
	name string
	do   func(context.Context, *process)
}

var attacks = []attack{
	{"none", func(context.Context, *process) {}},
	{"2,000 connections: 500 read a page of 10,000 objects at a byte a second, 1,500 idle", func(ctx context.Context, p *process) {
		hold(ctx, p, 1500, "", 0)
		hold(ctx, p, 500, "GET "+alone+"objects/?limit=10000 HTTP/1.1\r\nHost: 127.0.0.1\r\n"+login("slow", password)+"\r\n", 1)
	}},
	{"1,000 connections that send a header at a byte a second", func(ctx context.Context, p *process) {
		drip(ctx, p, 1000, "", "GET /taxii2/ HTTP/1.1\r\nHost: "+strings.Repeat("x", 1000))
	}},
	{"500 connections that send a body at a byte a second", func(ctx context.Context, p *process) {
		drip(ctx, p, 500, "POST "+alone+"objects/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"+login("slow", password)+
			"Content-Type: application/taxii+json;version=2.1\r\nContent-Length: 1000000\r\n\r\n", strings.Repeat(" ", 1000))
	}},
	{"32 clients that guess passwords", func(ctx context.Context, p *process) {
		flood(ctx, p, 32, func(n int) *http.Request {
			return request(p, http.MethodGet, "/taxii2/", "slow", fmt.Sprint("guess ", n), nil)
		})
	}},
	{"80 connections that guess under unknown names", func(ctx context.Context, p *process) {
		flood(ctx, p, 80, func(n int) *http.Request {
			return request(p, http.MethodGet, "/taxii2/", fmt.Sprint("unknown", n), password, nil)
		})
	}},
	{"32 clients of one party that search for words", func(ctx context.Context, p *process) {
		flood(ctx, p, 32, func(n int) *http.Request {
			return request(p, http.MethodGet, "/accord/v1/search/?limit=1000&q=beacon&q="+strconv.Itoa(n), fmt.Sprint("rival", 1+n%4), password, nil)
		})
	}},
	{"32 clients that send compressed bodies", func(ctx context.Context, p *process) {
		bomb := bytes.Repeat([]byte{0x1f, 0x8b}, 10_000)
		flood(ctx, p, 32, func(int) *http.Request {
			r := request(p, http.MethodPost, alone+"objects/", "slow", password, bomb)
			r.Header.Set("Content-Encoding", "gzip")
			return r
		})
	}},
	{"32 clients that send envelopes of deeply nested objects", func(ctx context.Context, p *process) {
		deep := []byte(`{"objects":[` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `]}`)
		flood(ctx, p, 32, func(int) *http.Request {
			return request(p, http.MethodPost, alone+"objects/", "slow", password, deep)
		})
	}},
	{"four accounts of one party that stall after 2 MB of 256 bodies", func(ctx context.Context, p *process) {
		for n := 1; n <= 4; n++ {
			drip(ctx, p, 64, "POST "+alone+"objects/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"+login(fmt.Sprint("rival", n), password)+
				"Content-Type: application/taxii+json;version=2.1\r\nContent-Length: 90000000\r\n\r\n"+strings.Repeat(" ", 2_000_000), strings.Repeat(" ", 1000))
		}
	}},
	{"32 clients that send envelopes of 50,000 empty objects", func(ctx context.Context, p *process) {
		empties := []byte(`{"objects":[` + strings.TrimSuffix(strings.Repeat("{},", 50_000), ",") + `]}`)
		flood(ctx, p, 32, func(n int) *http.Request {
			return request(p, http.MethodPost, alone+"objects/", fmt.Sprint("rival", 1+n%4), password, empties)
		})
	}},
	{"200 connections that ask for 10,000 rows of history and read a byte a second", func(ctx context.Context, p *process) {
		for n := 1; n <= 4; n++ {
			hold(ctx, p, 50, "GET /accord/v1/agreements/alone/history/?limit=10000 HTTP/1.1\r\nHost: 127.0.0.1\r\n"+login(fmt.Sprint("rival", n), password)+"\r\n", 1)
		}
	}},
}

func login(account, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(account+":"+password)) + "\r\n"
}

func request(p *process, method, path, account, password string, body []byte) *http.Request {
	r, err := http.NewRequest(method, p.URL+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // the paths are constants
	}
	r.SetBasicAuth(account, password)
	if body != nil {
		r.Header.Set("Content-Type", "application/taxii+json;version=2.1")
	}
	return r
}

// hold opens connections, sends a request on each, and reads bytes of the answer a second.
func hold(ctx context.Context, p *process, n int, request string, bytes int64) {
	for range n {
		conn := connect(p)
		if conn == nil {
			continue
		}
		io.WriteString(conn, request)
		go func() {
			defer conn.Close()
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					io.CopyN(io.Discard, conn, bytes)
				}
			}
		}()
	}
}

// drip opens connections, sends a beginning, and then the rest at a byte a second.
func drip(ctx context.Context, p *process, n int, first, rest string) {
	for range n {
		conn := connect(p)
		if conn == nil {
			continue
		}
		go func() {
			defer conn.Close()
			io.WriteString(conn, first)
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for i := range rest {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					io.WriteString(conn, rest[i:i+1])
				}
			}
		}()
	}
}

func connect(p *process) net.Conn {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		return nil
	}
	conn.(*net.TCPConn).SetReadBuffer(4 << 10) // or the system takes the answer for it
	return conn
}

// flood sends requests as fast as they are answered.
func flood(ctx context.Context, p *process, clients int, make func(int) *http.Request) {
	for c := range clients {
		go func() {
			for n := c; ctx.Err() == nil; n += clients {
				resp, err := p.http.Do(make(n).WithContext(ctx))
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		}()
	}
}

// pace is how often an honest client asks: eight of them want about a third of what a server on one processor can give.
const pace = 10 * time.Millisecond

// honest measures ordinary clients, which ask at their pace, and later when they wait for an answer: answers per second,
// and the slowest answer.
func honest(p *process, during time.Duration) (rate float64, slowest time.Duration, refused int64) {
	ctx, cancel := context.WithTimeout(context.Background(), during)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	var answers, bad atomic.Int64
	var worst atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		account := fmt.Sprint("honest", n%4+1)
		all.Go(func() {
			tick := time.NewTicker(pace)
			defer tick.Stop()
			for ctx.Err() == nil {
				<-tick.C
				began := time.Now()
				resp, err := client.Do(request(p, http.MethodGet, alone+"objects/?limit=100", account, password, nil).WithContext(ctx))
				if err != nil {
					if ctx.Err() == nil {
						bad.Add(1)
					}
					continue
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					bad.Add(1)
					continue
				}
				answers.Add(1)
				for took := int64(time.Since(began)); ; {
					if old := worst.Load(); took <= old || worst.CompareAndSwap(old, took) {
						break
					}
				}
			}
		})
	}
	all.Wait()
	return float64(answers.Load()) / during.Seconds(), time.Duration(worst.Load()), bad.Load()
}

// resident returns the memory of a process, in MiB.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kib, _ := strconv.Atoi(fields[1])
			return kib >> 10
		}
	}
	return 0
}

// attacked measures honest clients during each attack whose name contains only, and prints a line each.
func (t *torture) attacked(during time.Duration, only string) error {
	dir, err := os.MkdirTemp("", "accord-torture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newWorld(t, dir+"/data")
	if err != nil {
		return err
	}
	if err := pinClients(); err != nil {
		return err
	}
	fmt.Println("| attack | answers a second | beside none | slowest | refused | memory |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	alone := 0.0 // answers a second without an attack
	for i, a := range attacks {
		if i > 0 && !strings.Contains(a.name, only) {
			continue
		}
		var p *process
		err := onServerProcessor(func() (err error) {
			p, err = startServer(t.program, w.data, w.apply)
			return err
		})
		if err != nil {
			return err
		}
		if i == 0 {
			if err := w.fill(p, 10_000); err != nil {
				return err
			}
		}
		attacking, err := startAttackers(i, p)
		if err != nil {
			return err
		}
		honest(p, during) // logins and caches
		rate, slowest, refused := honest(p, during)
		memory := resident(p.Cmd.Process.Pid)
		attacking.Process.Kill()
		attacking.Wait()
		if i == 0 {
			alone = rate
			if err := hiddenTakesAsLong(p); err != nil {
				return err
			}
		}
		fmt.Printf("| %s | %.0f | %.2f | %v | %d | %d MiB |\n", a.name, rate, rate/alone, slowest.Round(time.Millisecond), refused, memory)
		p.kill()
	}
	return nil
}

// startAttackers starts this program as the clients of an attack.
func startAttackers(number int, p *process) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("nice", "-n", "15", self, "-as", strconv.Itoa(number), "-at", p.URL) // below the honest clients
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// attackers carries out an attack until the process is killed, and in no case for longer than some minutes.
func attackers(number int, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	attacks[number].do(ctx, &process{&accordtest.Process{URL: url}, newClient()})
	<-ctx.Done()
}

// fill adds n objects.
func (w *world) fill(p *process, n int) error {
	for from := 0; from < n; from += 500 {
		var texts []string
		for i := from; i < from+500; i++ {
			_, _, text := object(i, time.Unix(1_700_000_000, 0))
			texts = append(texts, text)
		}
		status, _, body, err := p.ask(context.Background(), http.MethodPost, alone+"objects/", []byte(`{"objects":[`+strings.Join(texts, ",")+`]}`))
		if err != nil || status != http.StatusAccepted {
			return errors.Join(err, fmt.Errorf("fill: got %d %.200s", status, body))
		}
	}
	return nil
}
