package console_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/cluster"
	"github.com/accord-taxii/accord/internal/serve"
)

// screens are all pages, as an operator or an auditor sees them in the tests' exchange.
func screens() map[string]string {
	object, gsp := accordtest.IndicatorID(1), "/console/agreements/"+accordtest.Programme+"/"
	return map[string]string{
		"overview": "/console/overview/", "search": "/console/search/?q=beacon&type=indicator", "values": "/console/values/", "pattern": "/console/pattern/?pattern=%5Bipv4-addr%3Avalue+ISSUBSET+%27198.51.100.0%2F24%27%5D+REPEATS+3+TIMES",
		"object": "/console/objects/" + object + "/", "graph": "/console/objects/" + object + "/graph/?depth=2",
		"agreements": "/console/agreements/?order=until", "agreement": gsp, "flows": "/console/flows/", "renewals": "/console/renewals/",
		"partners": "/console/partners/", "partner": "/console/partners/vendor/", "try": "/console/try/", "refused": gsp + "refused/",
		"history": gsp + "history/", "timeline": gsp + "objects/" + object + "/", "deliveries": gsp + "deliveries/", "given": gsp + "deliveries/?since=2000-01-01", "report": gsp + "report/", "terms": gsp + "terms/?entry=1",
		"proof": gsp + "proof/?entry=3", "heads": gsp + "heads/",
		"status": "/console/status/", "readers": "/console/readers/", "accounts": "/console/accounts/", "account": "/console/accounts/vendor/",
		"journal": "/console/journal/", "queue": "/console/queue/", "jobs": "/console/jobs/", "health": "/console/health/", "limits": "/console/limits/", "factor": "/console/factor/", "sessions": "/console/sessions/", "keys": "/console/keys/",
	}
}

func TestEveryScreenIsShownToAnOperator(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Operator)
	if a := b.get("/console/servers/"); a.Status != http.StatusNotFound {
		t.Errorf("a server that is alone shows the nodes of a cluster: %d", a.Status)
	}
	for name, path := range screens() {
		if a := b.get(path); a.Status != http.StatusOK {
			t.Errorf("%s (%s): %d %s", name, path, a.Status, a.Body)
		}
	}
}

// clustered makes the server the only node of a cluster.
func clustered(t testing.TB) accordtest.Option {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return accordtest.WithServe(func(c *serve.Config) {
		if err := cluster.Init(c.DataDir, "n0", "test", time.Now()); err != nil {
			t.Fatal(err)
		}
		c.Cluster = serve.Cluster{Listen: l.Addr().String(), MaxStaleness: serve.DefaultMaxStaleness, MaxClockDifference: serve.DefaultMaxClockDifference,
			LogKeep: serve.DefaultLogKeep, LogKeepBytes: serve.DefaultLogKeepBytes, Version: "test"}
	})
}

func TestServersOfACluster(t *testing.T) {
	s := exchange(t, clustered(t))
	if a := as(t, s, accordtest.Agency).get("/console/servers/"); a.Status != http.StatusNotFound {
		t.Errorf("the nodes are shown to an account that is no operator's: %d", a.Status)
	}
	a := as(t, s, accordtest.Operator).get("/console/servers/")
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for _, want := range []string{"<bdi>n0</bdi> leads", "voter, leads", "● well", "5 agreements have the same history", ">364<"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page does not say %q: %s", want, a.Body)
		}
	}
}
