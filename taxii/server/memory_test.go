package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/taxii/server"
)

// anonymous is the memory of this process that no file backs, in bytes.
func anonymous(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("without /proc, the memory of a process is not known: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "RssAnon:" {
			kib, _ := strconv.Atoi(fields[1])
			return kib << 10
		}
	}
	t.Skip("this system does not say RssAnon")
	return 0
}

// Whatever route many clients ask at once, and however slowly they read, the memory of the server follows its budget.
// Before there was one for all packages, content/ alone took 1,143 MiB.
func TestEveryRouteTakesFromTheBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	const memory = 32 << 20
	s := accordtest.New(t, accordtest.WithLimits(server.Limits{Memory: memory, AccountMemory: memory / 2, AccountRate: 1e9, AnswerTime: time.Second, AnswerRate: 1 << 30}), accordtest.WithIndex())
	large := bytes.Replace(accordtest.Indicator(9999, 0), []byte(`"description":"`), []byte(`"description":"`+strings.Repeat("x", 6<<20)), 1)
	if a := s.Post("vendor", accordtest.Path("gsp"), large); a.Status != 202 || strings.Contains(string(a.Body), "failures") {
		t.Fatalf("got %d %s", a.Status, a.Body)
	}
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicators(0, 3000)...)
	gsp := accordtest.Path("gsp")
	requests := map[string]string{
		"POST of empty objects": "POST " + gsp + "objects/",
		"POST that stalls":      "POST " + gsp + "objects/ stall",
	}
	paths := []string{
		gsp + "objects/?limit=10000", gsp + "objects/" + accordtest.IndicatorID(9999) + "/",
		"/accord/v1/agreements/gsp/content/?entry=2", "/accord/v1/agreements/gsp/entries/?limit=10000", "/accord/v1/search/?limit=1000&content",
	}
	if os.Getenv("ACCORD_LONG") != "" { // make check: the others, whose answers are smaller
		paths = append(paths, "/taxii2/", "/nicp/", "/nicp/collections/", gsp, gsp+"objects/", gsp+"manifest/?limit=10000",
			gsp+"objects/"+accordtest.IndicatorID(1)+"/versions/", "/nicp/status/2b6e8d10-94c7-4f3a-8e21-000000000001/",
			"/accord/v1/openapi.json", "/accord/v1/agreements/", "/accord/v1/agreements/gsp/",
			"/accord/v1/agreements/gsp/history/?limit=10000", "/accord/v1/agreements/gsp/deliveries/",
			"/accord/v1/agreements/gsp/checkpoint/", "/accord/v1/keys/",
			"/accord/v1/search/?limit=1000", "/accord/v1/graph/"+accordtest.IndicatorID(1)+"/", "/accord/v1/stats/")
	}
	for _, path := range paths {
		requests["GET "+path] = "GET " + path
	}
	empties := `{"objects":[` + strings.TrimSuffix(strings.Repeat("{},", 50_000), ",") + `]}`
	for name, request := range requests {
		t.Run(name, func(t *testing.T) {
			debug.FreeOSMemory()
			before, most := anonymous(t), 0
			stop := make(chan struct{})
			var watch, clients sync.WaitGroup
			watch.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(2 * time.Millisecond):
						most = max(most, anonymous(t))
					}
				}
			})
			parts := strings.Fields(request)
			for n := range 60 {
				account := []string{"vendor", "agency", "root"}[n%3]
				if parts[0] == "POST" {
					account = "vendor"
				}
				clients.Go(func() { ask(s, parts, account, empties, n%2 == 0) })
			}
			clients.Wait()
			close(stop)
			watch.Wait()
			// The collector lets the heap double, later on a busy machine; a route outside the budget grows by a gigabyte.
			if grown := most - before; grown > 6*memory+64<<20 {
				t.Errorf("the process grew by %d MiB with a budget of %d MiB", grown>>20, memory>>20)
			}
		})
	}
}

// ask sends a request on a connection of its own; slowly, it does not read for a while.
func ask(s *accordtest.Server, parts []string, account, body string, slowly bool) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(4 << 10) // or the system takes the answer for it
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(account, accordtest.Password(account))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: %s\r\n", parts[0], parts[1], r.Header.Get("Authorization"))
	conn.SetDeadline(time.Now().Add(1500 * time.Millisecond)) // the server gives up after one
	switch {
	case parts[0] == "GET":
		io.WriteString(conn, "\r\n")
	case len(parts) == 3:
		fmt.Fprintf(conn, "Content-Type: application/json\r\nContent-Length: 90000000\r\n\r\n%s", body)
		time.Sleep(200 * time.Millisecond)
		return
	default:
		fmt.Fprintf(conn, "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	if slowly {
		time.Sleep(200 * time.Millisecond)
	}
	io.Copy(io.Discard, conn)
}
