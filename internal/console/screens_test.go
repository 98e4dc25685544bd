package console_test

import (
	"net/http"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
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
	for name, path := range screens() {
		if a := b.get(path); a.Status != http.StatusOK {
			t.Errorf("%s (%s): %d %s", name, path, a.Status, a.Body)
		}
	}
}
