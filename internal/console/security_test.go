package console_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/console"
	"github.com/accord-taxii/accord/internal/serve"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Agency)
	style := regexp.MustCompile(`/console/static/[0-9a-f]+/console\.css`).FindString(b.get("/console/overview/").Body)
	for _, path := range []string{"/console", "/console/", "/console/login/", "/console/overview/", "/console/nothing", "/console/static/nothing", style} {
		a := b.get(path)
		cache := "no-store"
		if path == style {
			cache = "public, max-age=31536000, immutable"
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": cache,
			"Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()", "Strict-Transport-Security": "",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s (%d): %s is %q, want %q", path, a.Status, name, got, want)
			}
		}
	}
	if a := s.Get(accordtest.Agency, "/accord/v1/agreements/"); a.Header.Get("Content-Security-Policy") != "default-src 'none'; frame-ancestors 'none'" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("/accord/v1/ has the headers %v", a.Header)
	}
	proxied := exchange(t, accordtest.WithServe(func(c *serve.Config) { c.Transport.BehindProxy, c.PublicURL = true, "https://taxii.example" }))
	if a := newBrowser(t, proxied).get("/console/login/"); a.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("behind a proxy that speaks TLS: %v", a.Header)
	}
}

// Each way in which a page of another site could act with a session is refused, and changes nothing.
func TestOtherSitesChangeNothing(t *testing.T) {
	s := exchange(t)
	b := as(t, s, accordtest.Operator)
	token := b.token()
	path := "/console/agreements/" + accordtest.Programme + "/suspend/"
	for _, row := range []struct {
		name   string
		header http.Header
		form   url.Values
		status int
	}{
		{"a form of another site", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}, url.Values{"token": {token}}, http.StatusForbidden},
		{"a form of another site whose Origin is hidden", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"null"}}, url.Values{"token": {token}}, http.StatusForbidden},
		{"a form of a neighbouring site", http.Header{"Sec-Fetch-Site": {"same-site"}}, url.Values{"token": {token}}, http.StatusForbidden},
		{"an old browser and a foreign Origin", http.Header{"Origin": {"https://evil.example"}}, url.Values{"token": {token}}, http.StatusForbidden},
		{"no token", http.Header{"Sec-Fetch-Site": {"same-origin"}}, url.Values{"token": {""}}, http.StatusForbidden},
		{"the token of another session", http.Header{"Sec-Fetch-Site": {"same-origin"}}, url.Values{"token": {as(t, s, accordtest.Agency).token()}}, http.StatusForbidden},
		{"another host", http.Header{"Sec-Fetch-Site": {"same-origin"}, "Host": {"evil.example"}}, url.Values{"token": {token}}, http.StatusMisdirectedRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			other := *b
			other.header = row.header
			row.form.Set("reason", "a trick")
			if a := other.do(http.MethodPost, path, row.form); a.Status != row.status {
				t.Errorf("the answer is %d, want %d", a.Status, row.status)
			}
			if s.Collection(accordtest.Programme).Agreement().Suspended != nil {
				t.Error("the agreement is suspended")
			}
		})
	}
	if a := b.get(path + "?reason=a+trick&token=" + token); a.Status != http.StatusNotFound {
		t.Errorf("GET of an act: %d", a.Status)
	}
	if a := b.post(path, url.Values{"reason": {"an incident"}}); a.Status != http.StatusSeeOther {
		t.Errorf("the form itself: %d %s", a.Status, a.Body)
	}
	if m := s.Collection(accordtest.Programme).Agreement().Suspended; m == nil || m.By != accordtest.Operator || m.Reason != "an incident" {
		t.Errorf("the agreement is suspended by %+v", m)
	}
}

func TestWhatIsHardToUndoAsksAgain(t *testing.T) {
	s := exchange(t)
	at := time.Now().Truncate(30 * time.Second)
	s.Clock.Set(at)
	factor := enrol(t, s, accordtest.Operator)
	b := newBrowser(t, s)
	b.logIn(accordtest.Operator, accordtest.Password(accordtest.Operator))
	b.do(http.MethodPost, "/console/login/code/", url.Values{"code": {code(t, s, factor)}})
	s.Clock.Set(at.Add(6 * time.Minute))
	path := "/console/agreements/" + accordtest.Programme + "/terminate/"
	a := b.post(path, url.Values{"reason": {"it is <b>over</b>"}})
	if a.Status != http.StatusForbidden || s.Collection(accordtest.Programme).Agreement().Terminated != nil {
		t.Fatalf("six minutes after the code: %d", a.Status)
	}
	a.has(t, `name="again"`, `name="reason" value="it is &lt;b&gt;over&lt;/b&gt;"`)
	if a := b.post(path, url.Values{"reason": {"it is over"}, "again": {"000000"}}); a.Status != http.StatusForbidden {
		t.Errorf("with a wrong code: %d", a.Status)
	}
	if s.Collection(accordtest.Programme).Agreement().Terminated != nil {
		t.Fatal("a wrong code has terminated the agreement")
	}
	was := b.cookie.Value
	if a := b.post(path, url.Values{"reason": {"it is over"}, "again": {code(t, s, factor)}}); a.Status != http.StatusSeeOther {
		t.Errorf("with the code: %d %s", a.Status, a.Body)
	}
	if s.Collection(accordtest.Programme).Agreement().Terminated == nil || b.cookie.Value == was {
		t.Error("the agreement goes on, or the session has its old id")
	}
}

// A screen of another role does not exist, and neither does an agreement without a role in it.
func TestRolesAndScreens(t *testing.T) {
	s := exchange(t)
	browsers := map[string]*browser{}
	for _, account := range []string{accordtest.Vendor, accordtest.Agency, accordtest.Member, accordtest.Outsider, accordtest.Operator} {
		browsers[account] = as(t, s, account)
	}
	object := "/console/objects/" + accordtest.IndicatorID(1) + "/"
	everyone := "vendor agency member outsider root"
	gsp, circle := "/console/agreements/"+accordtest.Programme+"/", "/console/agreements/"+accordtest.Circle+"/"
	for _, row := range []struct{ path, shown string }{
		{"/console/overview/", everyone},
		{"/console/search/?q=beacon", everyone},
		{"/console/values/", everyone},
		{"/console/pattern/?pattern=%5Burl:value%3D%27a%27%5D", everyone},
		{"/console/agreements/", everyone},
		{"/console/flows/", everyone},
		{"/console/renewals/", everyone},
		{"/console/sessions/", everyone},
		{"/console/keys/", everyone},
		{object, "vendor agency root"},
		{object + "graph/", "vendor agency root"},
		{object + "text/", "vendor agency root"},
		{"/console/agreements/" + accordtest.Programme + "/", "vendor agency root"},
		{"/console/agreements/" + accordtest.Circle + "/", "agency member root"},
		{"/console/agreements/" + accordtest.Watch + "/", "agency member root"},
		{"/console/agreements/nothing/", ""},
		{"/console/try/", everyone},
		{"/console/jobs/", everyone},
		{"/console/status/", "root"},
		{"/console/health/", "root"},
		{"/console/readers/", "root"},
		{"/console/limits/", "root"},
		{"/console/factor/", everyone},
		{gsp + "report/", "root"},
		{gsp + "report/?format=html", "root"},
		{gsp + "deliveries/?since=2024-01-01&until=2030-01-01", "agency root"},
		{gsp + "deliveries/?party=agency&format=csv", "agency root"},
		{"/console/accounts/", "root"},
		{"/console/accounts/vendor/", "root"},
		{"/console/journal/", "root"},
		{"/console/queue/", "root"},
		{"/console/partners/", "root"},
		{"/console/partners/vendor/", "root"},
		{gsp + "history/", "vendor agency root"}, // a producer sees what it added
		{gsp + "objects/" + accordtest.IndicatorID(1) + "/", "vendor agency root"},
		{gsp + "objects/" + accordtest.IndicatorID(1) + "/evidence/", "vendor agency root"},
		{gsp + "deliveries/", "agency root"},
		{gsp + "deliveries/?format=csv", "agency root"},
		{gsp + "terms/?entry=1", "agency root"},
		{gsp + "terms/?at=2000-01-01", ""},
		{gsp + "proof/?entry=3", "vendor agency root"},
		{gsp + "proof/?entry=1", "agency root"},
		{gsp + "heads/", "vendor agency root"},
		{gsp + "refused/", "vendor root"},
		{circle + "history/", "agency root"},
		{circle + "heads/", "agency member root"},
		{circle + "deliveries/", "root"},
		{"/console/objects/indicator--00000000-0000-4000-8000-000000000000/", ""},
	} {
		for account, b := range browsers {
			want := http.StatusNotFound
			if strings.Contains(" "+row.shown+" ", " "+account+" ") {
				want = http.StatusOK
			}
			a := b.get(row.path)
			if a.Status != want {
				t.Errorf("%s as %s: %d, want %d", row.path, account, a.Status, want)
			}
			if want == http.StatusNotFound {
				a.has(t, "There is no such page, or nothing that this account may see here.") // the same for what is hidden and what is not there
			}
		}
	}
	for account, hidden := range map[string][]string{
		accordtest.Outsider: {accordtest.Programme, accordtest.Circle, accordtest.Vendor, "Beacon host"},
		accordtest.Member:   {accordtest.Programme, accordtest.Intake, accordtest.Vendor, "Beacon host", "/console/accounts/"},
		accordtest.Vendor:   {accordtest.Circle, accordtest.Watch, accordtest.Tomorrow, "Remote helper", "/console/accounts/"},
	} {
		for _, path := range []string{"/console/overview/", "/console/search/?q=beacon", "/console/search/", "/console/agreements/", "/console/flows/", "/console/renewals/"} {
			a := browsers[account].get(path)
			main := a.Body[strings.Index(a.Body, "<main"):]
			if i := strings.Index(main, `class="commands"`); i > 0 {
				main = main[:i]
			}
			for _, name := range hidden {
				if strings.Contains(main, name) && name != "beacon" {
					t.Errorf("%s names %q to %s", path, name, account)
				}
			}
		}
	}
}

// Every form is refused without the session's token, and without a session; what is an operator's alone does not exist for others.
func TestEveryFormNeedsItsToken(t *testing.T) {
	s := exchange(t)
	operator, member := as(t, s, accordtest.Operator), as(t, s, accordtest.Member)
	before := journals(t, s)
	forms := 0
	for _, a := range console.Addresses() {
		if a.Method != http.MethodPost || a.Strangers {
			continue
		}
		forms++
		path := strings.NewReplacer("{name}", accordtest.Programme, "{id}", accordtest.IndicatorID(1), "{to}", accordtest.Circle, "{key}", "0").Replace(a.Path)
		if strings.HasPrefix(path, "/console/accounts/") {
			path = strings.Replace(path, accordtest.Programme, accordtest.Member, 1)
		}
		form := url.Values{"token": {"wrong"}, "reason": {"a trick"}, "id": {"all"}, "until": {"2999-01-01"}}
		if got := operator.do(http.MethodPost, path, form); got.Status != http.StatusForbidden {
			t.Errorf("%s with a wrong token: %d", path, got.Status)
		}
		if got := newBrowser(t, s).do(http.MethodPost, path, form); got.Status != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/console/login/") {
			t.Errorf("%s without a session: %d", path, got.Status)
		}
		if a.Op {
			form.Set("token", member.token())
			if got := member.do(http.MethodPost, path, form); got.Status != http.StatusNotFound {
				t.Errorf("%s as a member: %d", path, got.Status)
			}
		}
	}
	if forms < 15 {
		t.Errorf("%d forms were tried", forms)
	}
	if after := journals(t, s); after != before {
		t.Errorf("the journals had %d entries, and have %d", before, after)
	}
	if operator.get("/console/overview/").Status != http.StatusOK || member.get("/console/overview/").Status != http.StatusOK {
		t.Error("a refused form has ended a session")
	}
}

// journals counts the entries of all journals.
func journals(t *testing.T, s *accordtest.Server) (entries uint64) {
	t.Helper()
	for _, col := range s.Store.Collections() {
		stats, err := col.Stats()
		if err != nil {
			t.Fatal(err)
		}
		entries += stats.Entries
	}
	size, _, err := s.Store.AdminHead()
	if err != nil {
		t.Fatal(err)
	}
	return entries + size
}

// What is shown of an object is a delivery, whoever is shown it.
func TestPagesAreDeliveries(t *testing.T) {
	s := exchange(t)
	for _, account := range []string{accordtest.Agency, accordtest.Operator} {
		b := as(t, s, account)
		id := accordtest.IndicatorID(2)
		b.get("/console/objects/"+id+"/").has(t, "c2.beacon.example", "Beacon host 2")
		b.get("/console/search/?q=c2.beacon.example").has(t, "Beacon host 2")
		var list struct {
			Versions []struct {
				Received []struct{ Account, Way string }
			}
		}
		s.JSON(s.Get(accordtest.Operator, "/accord/v1/agreements/"+accordtest.Programme+"/deliveries/?object="+id), &list)
		ways := map[string]bool{}
		for _, v := range list.Versions {
			for _, r := range v.Received {
				if r.Account == account {
					ways[r.Way] = true
				}
			}
		}
		if len(ways) < 3 { // the text, the search, the graph
			t.Errorf("what %s was shown is noted as %v", account, ways)
		}
	}
}

const hostileID = "malware--7d3f9c2a-51b4-4e08-9a6d-0000000000ff"

// hostileObjects are valid STIX whose every text is hostile: markup, controls, characters that turn the writing, a long run without a
// space, marks upon marks, and letters of another script.
func hostileObjects() [][]byte {
	long := strings.Repeat("A", 3000)
	marks := "Z" + strings.Repeat("\u0301", 40)
	return [][]byte{[]byte(`{"type":"malware","spec_version":"2.1","id":"` + hostileID + `","created":"2024-03-01T12:00:00.000Z","modified":"2024-03-01T12:00:00.000Z","is_family":false,` +
		`"name":"<script>alert(1)</script>\u202egnp.exe ` + marks + `","description":"\" onmouseover=\"alert(1)\u0007 javascript:alert(1) ` + long + `","labels":["<img src=x onerror=alert(1)>","` + long + `"],` +
		`"aliases":["{{.}}","${alert(1)}"],"external_references":[{"source_name":"a","url":"https://xn--e1awd7f.example/\u0430b","description":"p\u0430ypal.example"}]}`)}
}

// Objects are text: nothing in one becomes markup, and what would not be seen is.
func TestHostileText(t *testing.T) {
	s := exchange(t)
	if a := s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), hostileObjects()...); a.Status != http.StatusAccepted || !strings.Contains(string(a.Body), `"success_count":1`) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	b := as(t, s, accordtest.Agency)
	for _, path := range []string{"/console/objects/" + hostileID + "/", "/console/search/?type=malware", "/console/objects/" + hostileID + "/graph/", "/console/search/?q=%3Cscript%3Ealert(1)%3C/script%3E&label=%22%3E%3Cscript%3E"} {
		a := b.get(path)
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d", path, a.Status)
		}
		a.hasNot(t, "<script>alert", "<img src=x", "\u202e", "\u0007", `onmouseover="alert`, `href="https://xn--`, `href="javascript:`)
		if !strings.Contains(path, "graph") && strings.Contains(path, "malware") {
			a.has(t, "U+202E", "&lt;script&gt;")
		}
	}
	b.get("/console/objects/"+hostileID+"/").has(t, "mixed scripts", "hxxps://xn--e1awd7f[.]example")
	if a := b.get("/console/pattern/?pattern=" + url.QueryEscape("[url:value = '<script>alert(1)</script>\u202e']")); strings.Contains(a.Body, "<script>alert") || strings.Contains(a.Body, "</p>\u202e") {
		t.Error("a pattern becomes markup")
	}
}

// Templates hold nothing that a policy would have to allow, and one file alone makes HTML of text.
func TestTemplatesAndScripts(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|hx-on|hx-live|js:|javascript:|hx-trigger="[^"]*\[|<script(?:[^>]*[^r]c=|>)`)
	pages, err := filepath.Glob("pages/*.html")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, name := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inline.FindAllString(string(text), -1) {
			t.Errorf("%s has %q", name, m)
		}
		for _, form := range regexp.MustCompile(`(?s)<form method="post"[^>]*action="([^"]+)".*?</form>`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(form[1], "/console/login/") && !strings.Contains(form[0], `{{template "token"`) && !strings.Contains(form[0], `name="token"`) {
				t.Errorf("%s: the form to %s carries no token", name, form[1])
			}
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name != "text.go" && !strings.HasSuffix(name, "_test.go") && regexp.MustCompile(`template\.(HTML|JS|CSS|URL|Srcset)\b`).Match(text) {
			t.Errorf("%s makes HTML of text; text.go alone does", name)
		}
	}
	scripts, err := filepath.Glob("static/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "new Function", "document.write"} {
			if strings.Contains(string(text), forbidden) {
				t.Errorf("%s uses %s", name, forbidden)
			}
		}
	}
}

// Beyond this machine the console knows its name, or a page could lead browsers to it under another one.
func TestTheConsoleKnowsItsName(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*serve.Config)
		good   bool
	}{
		{"on loopback", func(*serve.Config) {}, true},
		{"behind a proxy", func(c *serve.Config) { c.Transport.BehindProxy = true }, false},
		{"behind a proxy, with the public URL", func(c *serve.Config) { c.Transport.BehindProxy, c.PublicURL = true, "https://taxii.example" }, true},
		{"at a listener beyond loopback", func(c *serve.Config) { c.Transport.BehindProxy, c.Console.Listen = true, "0.0.0.0:0" }, false},
		{"at a listener of its own", func(c *serve.Config) { c.Console.Listen = "127.0.0.1:0" }, true},
		{"at what is no address", func(c *serve.Config) { c.Console.Listen = "nowhere" }, false},
	} {
		c := accordtest.Config(t.TempDir())
		c.Console.On = true
		row.change(&c)
		if err := c.Check(); (err == nil) != row.good {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

func TestAListenerOfItsOwn(t *testing.T) {
	s := exchange(t, accordtest.WithServe(func(c *serve.Config) {
		c.Console.Listen, c.Console.URL, c.PublicURL = "127.0.0.1:0", "https://console.example", "https://taxii.example"
	}))
	b := newBrowser(t, s)
	if a := b.get("/console/login/"); a.Status != http.StatusNotFound {
		t.Errorf("the console beside TAXII: %d", a.Status)
	}
	own, err := url.Parse(s.ConsoleURL)
	if err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + own.Host
	if a := b.get("/console/login/"); a.Status != http.StatusOK {
		t.Errorf("the console at its own listener: %d %s", a.Status, a.Body)
	}
	b.header.Set("Host", "console.example")
	if a := b.get("/console/login/"); a.Status != http.StatusOK {
		t.Errorf("under its URL: %d", a.Status)
	}
	b.header.Set("Host", "evil.example")
	if a := b.get("/console/login/"); a.Status != http.StatusMisdirectedRequest {
		t.Errorf("under another name: %d", a.Status)
	}
	b.header.Del("Host")
	for _, path := range []string{"/taxii2/", "/accord/v1/agreements/", "/nicp/"} {
		if a := b.get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s at the console's listener: %d", path, a.Status)
		}
	}
	if a := b.logIn(accordtest.Agency, accordtest.Password(accordtest.Agency)); a.Status != http.StatusSeeOther {
		t.Errorf("log in: %d", a.Status)
	}
}
