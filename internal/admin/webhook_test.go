package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// A member makes, sees and removes webhooks of its own party, for agreements that it may read; operators see all.
func TestAMemberManagesItsOwnWebhooks(t *testing.T) {
	s := accordtest.New(t)
	post := func(as, path, body string) accordtest.Answer {
		return s.Do(accordtest.Request{As: as, Method: http.MethodPost, Path: "/accord/v1/" + path, Body: []byte(body)})
	}
	made := func(a accordtest.Answer) (w admin.Webhook) {
		t.Helper()
		if a.Status != http.StatusOK {
			t.Fatalf("got %d %s", a.Status, a.Body)
		}
		if err := json.Unmarshal(a.Body, &w); err != nil {
			t.Fatal(err)
		}
		return w
	}
	const address = `"url":"https://127.0.0.1:1/hidden-path"`
	own := made(post(accordtest.Agency, "webhooks/", `{"agreement":"gsp",`+address+`}`))
	if !strings.HasPrefix(own.Key, "whpk_") || own.Status != admin.WebhookActive || own.Party != accordtest.Agency {
		t.Errorf("got %+v", own)
	}
	if w := made(post(accordtest.Vendor, "webhooks/", `{"agreement":"gsp","hmac":true,`+address+`}`)); !strings.HasPrefix(w.Key, "whsec_") || w.Signature != "v1" {
		t.Errorf("got %+v", w)
	}
	for body, want := range map[string]int{
		`{"agreement":"intake",` + address + `}`:                              403, // it adds and does not read
		`{"agreement":"circle",` + address + `}`:                              404,
		`{"agreement":"gsp","url":"http://siem.example/"}`:                    400,
		`{"agreement":"gsp","party":"agency",` + address + `}`:                400,
		`{"agreement":"gsp","url":"https://u:p@siem.example/","hmac":false}`:  400,
		`{"agreement":"gsp","url":"https://siem.example/` + long(3000) + `"}`: 400,
		`{"agreement":"nothing","url":"https://siem.example/"}`:               404,
		`{"agreement":"gsp","url":"https://siem.example/","secret":"mine"}`:   400,
	} {
		if a := post(accordtest.Vendor, "webhooks/", body); a.Status != want {
			t.Errorf("%.100s: got %d %s, want %d", body, a.Status, a.Body, want)
		}
	}

	// The other party's webhook does not exist.
	for _, path := range []string{"test/", "remove/", "replay/"} {
		if a := post(accordtest.Vendor, "webhooks/"+own.ID+"/"+path, "{}"); a.Status != 404 {
			t.Errorf("%s: got %d %s", path, a.Status, a.Body)
		}
	}
	if a := s.Get(accordtest.Vendor, "/accord/v1/webhooks/"+own.ID+"/"); a.Status != 404 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	for as, want := range map[string]int{accordtest.Agency: 1, accordtest.Vendor: 1, accordtest.Outsider: 0, accordtest.Operator: 2} {
		var list admin.WebhookList
		a := s.Get(as, "/accord/v1/webhooks/")
		s.JSON(a, &list)
		if len(list.Webhooks) != want || strings.Contains(string(a.Body), "whsec_") {
			t.Errorf("%s sees %s, want %d and no secret", as, a.Body, want)
		}
	}

	// Nobody but an operator is told why a receiver was not reached.
	if a := post(accordtest.Agency, "webhooks/"+own.ID+"/test/", ""); a.Status != 200 || strings.Contains(string(a.Body), "within") || !strings.Contains(string(a.Body), "could not be reached") {
		t.Errorf("the member got %d %s", a.Status, a.Body)
	}
	if a := post(accordtest.Operator, "webhooks/"+own.ID+"/test/", ""); a.Status != 200 || !strings.Contains(string(a.Body), "address within") {
		t.Errorf("the operator got %d %s", a.Status, a.Body)
	}

	// At the machine the rights to the data folder are the login.
	local, err := admin.Connect(s.Store.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if w, err := local.AddWebhook(t.Context(), accordtest.Programme, "https://siem.example/", false, ""); err != nil || w.Status != admin.WebhookActive {
		t.Errorf("at the machine: got %+v %v", w, err)
	} else if _, err := local.RemoveWebhook(t.Context(), w.ID); err != nil {
		t.Error(err)
	}

	for n := range 8 {
		a := post(accordtest.Agency, "webhooks/", fmt.Sprintf(`{"agreement":"gsp","url":"https://siem.example/%d"}`, n))
		if want := map[bool]int{true: 200, false: 409}[n < 7]; a.Status != want {
			t.Errorf("webhook %d: got %d %s, want %d", n+2, a.Status, a.Body, want)
		}
	}
	if a := post(accordtest.Agency, "webhooks/"+own.ID+"/replay/", `{"after":9999}`); a.Status != 400 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}

	// Without a role the webhook is hidden from its own party, too.
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Parties = a.Parties[1:] })
	left := accordtest.Vendor
	if s.Collection(accordtest.Programme).Agreement().Parties[0].Party == accordtest.Vendor {
		left = accordtest.Agency
	}
	if a := s.Get(left, "/accord/v1/webhooks/"); strings.Contains(string(a.Body), "wh_") {
		t.Errorf("%s sees %s", left, a.Body)
	}
	if w := made(post(accordtest.Operator, "webhooks/"+own.ID+"/remove/", "")); w.ID != own.ID {
		t.Errorf("got %+v", w)
	}
	if a := s.Get(accordtest.Operator, "/accord/v1/webhooks/"+own.ID+"/"); a.Status != 404 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
}

func long(n int) string { return strings.Repeat("x", n) }
