package admin_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/budget"
)

// What is asked within the process has the rights, and takes the memory, of the same request over the network.
func TestAskIsTheSameAsOverTheNetwork(t *testing.T) {
	service, _ := views(t)
	for _, v := range viewers {
		for path, statuses := range map[string]map[string]int{
			"agreements/middle/history/?object=" + accordtest.IndicatorID(1): {"operator": 200, "producer": 200, "consumer": 403, "auditor": 200, "both": 404, "other": 404, "none": 404},
			"agreements/middle/changes/":                                     {"operator": 200, "producer": 403, "consumer": 403, "auditor": 200, "both": 403, "other": 404, "none": 404},
			"accounts/":                                                      {"operator": 200, "producer": 403, "consumer": 403, "auditor": 403, "both": 403, "other": 403, "none": 403},
			"nothing/":                                                       {"operator": 404, "producer": 404, "consumer": 404, "auditor": 404, "both": 404, "other": 404, "none": 404},
			"accounts/chief/password-hash/":                                  {"operator": 404, "producer": 404, "consumer": 404, "auditor": 404, "both": 404, "other": 404, "none": 404},
			"agreements/middle/events/":                                      {"operator": 404, "producer": 404, "consumer": 404, "auditor": 404, "both": 404, "other": 404, "none": 404},
		} {
			reply, err := service.Ask(context.Background(), admin.Question{Caller: v.caller, Path: path})
			got := http.StatusOK
			if err != nil {
				got = admin.StatusOf(err)
			} else {
				reply.Ended(true)
			}
			if got != statuses[v.name] {
				t.Errorf("%s asks for %s: %d (%v), want %d", v.name, path, got, err, statuses[v.name])
			}
		}
	}
}

func TestAskTakesMemoryOfTheRequest(t *testing.T) {
	service, _ := views(t)
	exhausted := errors.New("exhausted")
	reserved := budget.Reserve(budget.New(20<<20, exhausted))
	ctx := budget.NewContext(context.Background(), &reserved)
	asks := admin.Question{Caller: viewers[0].caller, Path: "agreements/middle/history/"}
	reply, err := service.Ask(ctx, asks)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := reply.Answer.(audit.History); !ok {
		t.Errorf("the answer is a %T", reply.Answer)
	}
	if held := reserved.Held(); held < 16<<20 {
		t.Errorf("the request holds %d bytes", held)
	}
	reserved.Release()
}
