package console_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
)

// Each act of the console does what it says, under the account that did it, and shows it on the page that it leads to.
func TestActs(t *testing.T) {
	s := exchange(t)
	root := as(t, s, accordtest.Operator)
	gsp := "/console/agreements/" + accordtest.Programme + "/"
	follow := func(b *browser, path string, form url.Values) shown {
		t.Helper()
		a := b.post(path, form)
		if a.Status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		return b.get(a.Header.Get("Location"))
	}
	follow(root, gsp+"suspend/", url.Values{"reason": {"an <i>incident</i>"}}).has(t, "suspended", "an &lt;i&gt;incident&lt;/i&gt;", "by root")
	if a := as(t, s, accordtest.Agency).get("/console/objects/" + accordtest.IndicatorID(1) + "/"); a.Status != http.StatusNotFound {
		t.Errorf("an object of a suspended agreement: %d", a.Status)
	}
	follow(root, gsp+"resume/", nil).has(t, "● active")
	follow(root, gsp+"renew/", url.Values{"until": {"3001-01-01"}}).has(t, "3001-01-01")
	if a := root.post(gsp+"renew/", url.Values{"until": {"2000-01-01"}}); a.Status != http.StatusConflict {
		t.Errorf("a renewal to the past: %d", a.Status)
	}
	follow(root, gsp+"objects/"+accordtest.IndicatorID(3)+"/remove/", url.Values{"reason": {"an error"}}).has(t, "deleted", "an error")
	if a := root.get("/console/objects/" + accordtest.IndicatorID(3) + "/"); a.Status != http.StatusNotFound {
		t.Errorf("an object that was removed: %d", a.Status)
	}

	follow(root, "/console/accounts/vendor/disable/", url.Values{"reason": {"left"}}).has(t, "disabled")
	if a := newBrowser(t, s).logIn(accordtest.Vendor, accordtest.Password(accordtest.Vendor)); a.Status != http.StatusUnauthorized {
		t.Errorf("a disabled account logs in: %d", a.Status)
	}
	follow(root, "/console/accounts/vendor/enable/", nil).hasNot(t, `class="tag bad">disabled`)
	fresh := root.post("/console/accounts/vendor/tokens/", url.Values{"note": {"a tool"}, "days": {"30"}})
	fresh.has(t, "shown this once", "accord_")
	root.get("/console/accounts/vendor/").hasNot(t, "accord_")
	account, _ := s.Store.Registry().Account(accordtest.Vendor)
	follow(root, "/console/accounts/vendor/revoke/", url.Values{"id": {account.Tokens[0].ID}}).has(t, "It has none.")
	root.get("/console/journal/").has(t, "account vendor", "token new", "root")

	follow(root, "/console/theme/", url.Values{"theme": {"dark"}, "next": {"/console/agreements/"}})
}

// What waits in a release is on the page of the queue until it is decided, and the second yes must be another account's.
func TestTheQueueIsDecided(t *testing.T) {
	s := exchange(t)
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) {
		a.Release = []agreement.Release{{To: accordtest.Circle, Hold: agreement.HoldApprove2}}
	})
	root := as(t, s, accordtest.Operator)
	id := accordtest.IndicatorID(1)
	waits := func() shown {
		t.Helper()
		for range 400 { // the release looks by itself
			if a := root.get("/console/queue/"); strings.Contains(a.Body, id) {
				return a
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Fatal("nothing waits")
		return shown{}
	}
	waits().has(t, "0 of 2 approvals")
	form := url.Values{"agreement": {accordtest.Programme}, "object": {id}, "to": {accordtest.Circle}, "decision": {"approve"}}
	if a := root.post("/console/queue/", form); a.Status != http.StatusBadRequest {
		t.Errorf("without a reason: %d", a.Status)
	}
	form.Set("reason", "it is known there")
	if a := root.post("/console/queue/", form); a.Status != http.StatusSeeOther {
		t.Errorf("a yes: %d %s", a.Status, a.Body)
	}
	waits().has(t, "1 of 2 approvals", "approved by you")
	if a := root.post("/console/queue/", form); a.Status != http.StatusConflict {
		t.Errorf("a second yes of the same account: %d", a.Status)
	}
	form.Set("decision", "refuse")
	if a := root.post("/console/queue/", form); a.Status != http.StatusSeeOther {
		t.Errorf("a no: %d %s", a.Status, a.Body)
	}
	root.get("/console/agreements/"+accordtest.Programme+"/").has(t, "approve-2", "what waits")
}

// The head that an auditor kept is compared with the journal of today.
func TestHeadsAreCompared(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Agency)
	gsp := "/console/agreements/" + accordtest.Programme + "/"
	kept := string(s.Get(accordtest.Agency, "/accord/v1/agreements/"+accordtest.Programme+"/checkpoint/").Body)
	b.post(gsp+"heads/", url.Values{"kept": {kept}}).has(t, "It fits.", "It is the head of today.")
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(20, 30)...)
	b.post(gsp+"heads/", url.Values{"kept": {strings.ReplaceAll(kept, "\n", "\r\n")}}).has(t, "It fits.", "continues it")
	lines := strings.Split(kept, "\n")
	lines[2] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	b.post(gsp+"heads/", url.Values{"kept": {strings.Join(lines, "\n")}}).has(t, "It does not fit.")
	b.post(gsp+"heads/", url.Values{"kept": {"nothing"}}).has(t, "no signed head")
}

// What is saved is what accord audit prove writes: it verifies by itself.
func TestEvidenceVerifies(t *testing.T) {
	s := exchange(t)
	a := as(t, s, accordtest.Agency).get("/console/agreements/" + accordtest.Programme + "/objects/" + accordtest.IndicatorID(2) + "/evidence/?deliveries=yes")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment; filename=") {
		t.Fatalf("%d %v", a.Status, a.Header)
	}
	var ev audit.Evidence
	if err := json.Unmarshal([]byte(a.Body), &ev); err != nil {
		t.Fatal(err)
	}
	if _, err := ev.Verify(audit.Trust{}); err != nil || len(ev.Entries) != 1 || ev.Deliveries == nil {
		t.Errorf("%v: %d entries", err, len(ev.Entries))
	}
}

func TestAListOfValues(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Agency)
	a := b.post("/console/values/", url.Values{"values": {"# a comment\nc1[.]beacon.example\nC2.BEACON.EXAMPLE\nnowhere.example\nc1[.]beacon.example\n"}})
	a.has(t, "<b>2</b> known", "<b>1</b> not known", "c1[.]beacon.example", "nowhere.example")

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("token", b.token())
	file, err := form.CreateFormFile("file", "../../iocs.txt")
	if err != nil {
		t.Fatal(err)
	}
	file.Write([]byte("c3.beacon.example\r\n198.51.100.99\r\n"))
	form.Close()
	req, err := http.NewRequest(http.MethodPost, b.url+"/console/values/", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = b.header.Clone()
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.AddCookie(b.cookie)
	resp, err := s.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	text.ReadFrom(resp.Body)
	shown{resp.StatusCode, resp.Header, text.String()}.has(t, "<b>1</b> known", "c3.beacon.example")

	many := strings.Builder{}
	for i := range 10_001 {
		many.WriteString(accordtest.IndicatorID(i) + "\n")
	}
	if a := b.post("/console/values/", url.Values{"values": {many.String()}}); a.Status != http.StatusBadRequest {
		t.Errorf("too many values: %d", a.Status)
	}
	if a := b.post("/console/values/", url.Values{"values": {strings.Repeat("x", 5<<20)}}); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a list that is too large: %d", a.Status)
	}
}

func TestTryingObjects(t *testing.T) {
	s := exchange(t)
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Accept.Types, a.Accept.KeepRefusedDays = []string{"indicator"}, 30 })
	b := as(t, s, accordtest.Vendor)
	before := journals(t, s)
	text := `{"objects":[` + string(accordtest.Indicator(50, 0)) + `,` + string(accordtest.Tool(1, 0)) + `]}`
	a := b.post("/console/try/", url.Values{"as": {accordtest.Programme + " " + accordtest.Vendor}, "text": {text}})
	a.has(t, "1 of 2 would be accepted", "● accepted", "▲ refused")
	if journals(t, s) != before {
		t.Error("trying has added something")
	}
	b.post("/console/try/", url.Values{"as": {accordtest.Programme + " " + accordtest.Vendor}, "text": {"{"}}).has(t, "That is no JSON")
	if a := b.post("/console/try/", url.Values{"as": {accordtest.Circle + " " + accordtest.Agency}, "text": {text}}); a.Status != http.StatusBadRequest {
		t.Errorf("for another party: %d", a.Status)
	}

	// What is really refused is kept for its sender, shown, and tried again once the terms have changed.
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Tool(1, 0))
	list := b.get("/console/agreements/" + accordtest.Programme + "/refused/")
	list.has(t, "tool--")
	key := refusedKey.FindStringSubmatch(list.Body)
	if key == nil {
		t.Fatal(list.Body)
	}
	b.get("/console/agreements/"+accordtest.Programme+"/refused/"+key[1]+"/").has(t, "Remote helper 1")
	s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Accept.Types = nil })
	if a := b.post("/console/agreements/"+accordtest.Programme+"/refused/retry/", url.Values{"key": {key[1]}}); a.Status != http.StatusSeeOther {
		t.Errorf("try again: %d %s", a.Status, a.Body)
	}
	b.get("/console/objects/"+accordtest.ToolID(1)+"/").has(t, "Remote helper 1")
}

// Versions are compared, across agreements too.
func TestVersionsAreCompared(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Member)
	page := b.get("/console/objects/" + accordtest.ToolID(1) + "/")
	page.has(t, "Version 1", accordtest.Modified(0), accordtest.Modified(1))
	against := againstLink.FindStringSubmatch(page.Body)
	if against == nil {
		t.Fatal(page.Body)
	}
	b.get(strings.ReplaceAll(against[1], "&amp;", "&")).has(t, "What changed", "/description", "<del><bdi>Version 0</bdi></del>", "<ins><bdi>Version 1</bdi></ins>")
}
