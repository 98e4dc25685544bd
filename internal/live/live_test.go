package live_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/internal/live"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// event is an event as a reader has it.
type event struct {
	id   uint64 // 0: it had none of its own
	name string
	text string
	data struct {
		live.Change
		live.End
		Content json.RawMessage `json:"content"`
	}
}

// listener reads a stream.
type listener struct {
	t     testing.TB
	resp  *http.Response
	lines *bufio.Reader
	last  uint64
}

// open asks for a stream.
func open(t testing.TB, client *http.Client, url, as, agreement, query string, header ...string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/accord/v1/agreements/"+agreement+"/events/?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(as, accordtest.Password(as))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func listen(t testing.TB, s *accordtest.Server, as, agreement, query string, header ...string) *listener {
	t.Helper()
	resp := open(t, s.Client, s.URL, as, agreement, query, header...)
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s listens to %s?%s: got %d %s", as, agreement, query, resp.StatusCode, body)
	}
	return newListener(t, resp)
}

// newListener reads the first heartbeat, which says where the stream begins.
func newListener(t testing.TB, resp *http.Response) *listener {
	t.Helper()
	l := &listener{t: t, resp: resp, lines: bufio.NewReader(resp.Body)}
	if e := l.any(); e.name != live.EventHeartbeat {
		t.Fatalf("the stream begins with %s %s, want a heartbeat", e.name, e.text)
	}
	return l
}

// any returns the next event.
func (l *listener) any() (e event) {
	l.t.Helper()
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			l.t.Fatalf("read the stream: %v", err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "":
			if e.name == "" {
				continue
			}
			l.last = max(l.last, e.id)
			if err := json.Unmarshal([]byte(e.text), &e.data); err != nil {
				l.t.Fatalf("the data of %s are %s: %v", e.name, e.text, err)
			}
			return e
		case "id":
			if e.id, err = strconv.ParseUint(value, 10, 64); err != nil {
				l.t.Fatal(err)
			}
		case "event":
			e.name = value
		case "data":
			e.text = value
		}
	}
}

// next returns the next event that is no heartbeat.
func (l *listener) next() event {
	l.t.Helper()
	for {
		if e := l.any(); e.name != live.EventHeartbeat {
			return e
		}
	}
}

// want checks the next event about an object.
func (l *listener) want(name, object, version string) event {
	l.t.Helper()
	e := l.next()
	if e.name != name || e.data.Object != object || e.data.Version != version {
		l.t.Fatalf("got %d %s %s, want %s of %s %s", e.id, e.name, e.text, name, object, version)
	}
	return e
}

// ends checks that the stream ends, and why.
func (l *listener) ends(cause live.Cause) event {
	l.t.Helper()
	for {
		e := l.next()
		if e.name != live.EventEnd {
			continue
		}
		if e.data.Cause != cause {
			l.t.Fatalf("it ended with %s, want %s", e.text, cause)
		}
		if rest, err := io.ReadAll(l.lines); err != nil || len(rest) > 0 {
			l.t.Fatalf("after the end came %q and %v", rest, err)
		}
		return e
	}
}

func remove(t testing.TB, col *store.Collection, changes ...store.Change) {
	t.Helper()
	if _, err := col.Append(context.Background(), store.Batch{Actor: store.Actor{Account: accordtest.Operator}, Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

func TestAStreamTellsWhatHappens(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 2)...)
	now := listen(t, s, accordtest.Agency, accordtest.Programme, "")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
		if got := now.resp.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	all := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0")
	first := all.want("added", accordtest.IndicatorID(0), accordtest.Modified(0))
	all.want("added", accordtest.IndicatorID(1), accordtest.Modified(0))
	if first.id == 0 || first.data.Position != journal.Position(first.id) || first.data.Type != "indicator" || first.data.DateAdded == "" || first.data.Content != nil {
		t.Errorf("got %d %s", first.id, first.text)
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(1, 1))
	for _, l := range []*listener{now, all} {
		l.want("added", accordtest.IndicatorID(1), accordtest.Modified(1))
	}
	// The older version is what a poll shows once the newer one is gone.
	remove(t, s.Collection(accordtest.Programme), store.Change{Remove: &store.Removal{ID: stix.ID(accordtest.IndicatorID(1)), Versions: store.Versions{Last: true}}})
	for _, l := range []*listener{now, all} {
		l.want("added", accordtest.IndicatorID(1), accordtest.Modified(0))
		if e := l.want("deleted", accordtest.IndicatorID(1), accordtest.Modified(1)); e.data.Of == 0 {
			t.Errorf("got %s, want what it was", e.text)
		}
	}
	s.Change(accordtest.Programme, "renew", func(a *agreement.Agreement) { a.Term.Until = a.Term.Until.AddDate(1, 0, 0) })
	if e := now.next(); e.name != "terms" || e.data.Act != "renew" || e.data.State != "active" {
		t.Errorf("got %s %s, want renewed terms", e.name, e.text)
	}
	// After the first event, with the header or the parameter, comes the second.
	for _, l := range []*listener{
		listen(t, s, accordtest.Agency, accordtest.Programme, fmt.Sprintf("after=%d", first.id)),
		listen(t, s, accordtest.Agency, accordtest.Programme, "after=0", "Last-Event-ID", fmt.Sprint(first.id)),
	} {
		l.want("added", accordtest.IndicatorID(1), accordtest.Modified(0))
	}
	// What is gone is not shown to a reader that begins.
	if e := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0&match[id]="+accordtest.IndicatorID(1)).next(); e.data.Version != accordtest.Modified(0) {
		t.Errorf("got %s %s", e.name, e.text)
	}
}

func TestFiltersOfAStream(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 0), accordtest.Indicator(0, 1), accordtest.Tool(0, 0), accordtest.Tool(1, 0))
	l := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0&match[type]=tool&match[version]=all")
	l.want("added", accordtest.ToolID(0), accordtest.Modified(0))
	l.want("added", accordtest.ToolID(1), accordtest.Modified(0))
	first := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0&match[version]=first")
	first.want("added", accordtest.IndicatorID(0), accordtest.Modified(0))
	first.want("added", accordtest.ToolID(0), accordtest.Modified(0))
	for query, want := range map[string]string{
		"after=x": "position", "after=-1": "position", "after=99": "restored", "match[id]=": "match[id]", "limit=3": "limit", "after=1&after=2": "2 times", "content=maybe": "1 or 0",
	} {
		resp := open(t, s.Client, s.URL, accordtest.Agency, accordtest.Programme, query)
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), want) {
			t.Errorf("%s: got %d %s, want 400 with %q", query, resp.StatusCode, body, want)
		}
	}
}

func TestAStreamNeedsTheRightToRead(t *testing.T) {
	s := accordtest.New(t)
	for _, row := range []struct {
		as, agreement string
		want          int
	}{
		{accordtest.Outsider, accordtest.Programme, 404}, {accordtest.Vendor, accordtest.Intake, 403}, {accordtest.Member, accordtest.Watch, 403},
		{accordtest.Agency, accordtest.Tomorrow, 403}, {accordtest.Agency, "nothing", 404}, {"nobody", accordtest.Programme, 401},
		{accordtest.Operator, accordtest.Tomorrow, 200},
	} {
		if resp := open(t, s.Client, s.URL, row.as, row.agreement, "after=0"); resp.StatusCode != row.want {
			t.Errorf("%s, %s: got %d, want %d", row.as, row.agreement, resp.StatusCode, row.want)
		}
	}
}

// agency is the place of the agency among the parties.
func agency(a *agreement.Agreement) int {
	return slices.IndexFunc(a.Parties, func(m agreement.Membership) bool { return m.Party == accordtest.Agency })
}

// Whatever ends the right to read ends the stream, with an event that says why.
func TestAStreamEndsWithTheRights(t *testing.T) {
	account := func(change func(*store.RegistryChange)) func(*accordtest.Server) {
		return func(s *accordtest.Server) {
			a, _ := s.Store.Registry().Account(accordtest.Agency)
			c := store.RegistryChange{Account: &a, Act: "change"}
			change(&c)
			if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{c}); err != nil {
				panic(err)
			}
		}
	}
	for name, row := range map[string]struct {
		do    func(*accordtest.Server)
		cause live.Cause
	}{
		"the account is disabled":       {account(func(c *store.RegistryChange) { c.Account.Disabled = true }), live.Account},
		"the account has another party": {account(func(c *store.RegistryChange) { c.Account.Party = accordtest.Member }), live.Account},
		"the password is another one":   {account(func(c *store.RegistryChange) { c.Account.PasswordHash = "" }), live.Account},
		"the role is lost": {func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Parties[agency(a)].Roles = []agreement.Role{agreement.Auditor} })
		}, live.Rights},
		"the party is no longer in it": {func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "change", func(a *agreement.Agreement) { a.Parties = slices.Delete(a.Parties, agency(a), agency(a)+1) })
		}, live.Rights},
		"it is suspended": {func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "suspend", func(a *agreement.Agreement) {
				a.Suspended = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
			})
		}, live.Suspended},
		"it is terminated": {func(s *accordtest.Server) {
			s.Change(accordtest.Programme, "terminate", func(a *agreement.Agreement) {
				a.Terminated = &agreement.Mark{At: s.Clock.Now(), By: accordtest.Operator, Reason: "for a test"}
			})
		}, live.Ended},
		"its term is over": {func(s *accordtest.Server) { s.Clock.Set(time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)) }, live.Ended},
	} {
		t.Run(name, func(t *testing.T) {
			s := accordtest.New(t)
			l := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0")
			row.do(s)
			// The stream may end before its first event: then it goes on where it began.
			if e := l.ends(row.cause); e.data.Reason == "" || !strings.Contains(e.text, `"after":`) {
				t.Errorf("got %s, want a reason and where to go on", e.text)
			}
		})
	}
}

// Credentials that end by themselves end the stream when they do, not with the next heartbeat.
func TestAStreamEndsWithItsToken(t *testing.T) {
	s := accordtest.New(t)
	account, _ := s.Store.Registry().Account(accordtest.Agency)
	plain, token := auth.NewToken(s.Clock.Now(), "for a test")
	token.Expires = s.Clock.Now().Add(time.Hour)
	account.Tokens = append(account.Tokens, token)
	if err := s.Store.Change(context.Background(), store.Actor{Account: accordtest.Operator}, []store.RegistryChange{{Account: &account}}); err != nil {
		t.Fatal(err)
	}
	byToken := listen(t, s, accordtest.Agency, accordtest.Programme, "", "Authorization", "Bearer "+plain)
	byPassword := listen(t, s, accordtest.Agency, accordtest.Programme, "")
	began := time.Now()
	s.Clock.Set(token.Expires)
	byToken.ends(live.Account)
	if took := time.Since(began); took > 10*time.Second { // a heartbeat takes 15
		t.Errorf("the stream ended after %v", took)
	}
	s.Clock.Set(time.Time{})
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 0))
	byPassword.want("added", accordtest.IndicatorID(0), accordtest.Modified(0))
}

// A version that a newer one hid when its turn came was not shown, so its removal is not told; one that is shown again is.
func TestTheRemovalOfAHiddenVersion(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(0, 0), accordtest.Indicator(0, 1), accordtest.Indicator(0, 2))
	l := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0")
	l.want("added", accordtest.IndicatorID(0), accordtest.Modified(2))
	col := s.Collection(accordtest.Programme)
	first := store.Removal{ID: stix.ID(accordtest.IndicatorID(0)), Versions: store.Versions{First: true}}
	last := store.Removal{ID: first.ID, Versions: store.Versions{Last: true}}
	remove(t, col, store.Change{Remove: &first})
	remove(t, col, store.Change{Remove: &last})
	l.want("added", accordtest.IndicatorID(0), accordtest.Modified(1))
	l.want("deleted", accordtest.IndicatorID(0), accordtest.Modified(2))
	remove(t, col, store.Change{Remove: &last})
	l.want("deleted", accordtest.IndicatorID(0), accordtest.Modified(1))
}

func TestTheTextOfAStreamIsADelivery(t *testing.T) {
	s := accordtest.New(t)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 2)...)
	received := func() string {
		return string(s.Get(accordtest.Operator, "/accord/v1/agreements/gsp/deliveries/?object="+accordtest.IndicatorID(1)).Body)
	}
	l := listen(t, s, accordtest.Agency, accordtest.Programme, "after=0")
	l.next()
	l.next()
	if got := received(); strings.Contains(got, accordtest.Agency) {
		t.Errorf("without texts: got %s, want no delivery", got)
	}
	l = listen(t, s, accordtest.Agency, accordtest.Programme, "after=0&content=1")
	l.next()
	if e := l.next(); string(e.data.Content) != string(accordtest.Indicator(1, 0)) {
		t.Errorf("got the text %s", e.data.Content)
	}
	if got := received(); !strings.Contains(got, accordtest.Agency) || !strings.Contains(got, `"stream"`) {
		t.Errorf("got %s, want a delivery by a stream", got)
	}
}

// A version that came when a newer one was there was never shown, and so its removal is not told, over whatever connection; unless it
// was shown since the newer one was deleted.
func TestTheRemovalOfWhatNobodySawIsNotTold(t *testing.T) {
	for _, newerFirst := range []bool{false, true} {
		s := accordtest.New(t)
		path := accordtest.Path(accordtest.Circle)
		for v := range 3 {
			s.Post(accordtest.Agency, path, accordtest.Tool(1, 2-v)) // the newest comes first
		}
		after := listen(t, s, accordtest.Member, accordtest.Circle, "after=0").next().id
		if after == 0 {
			t.Fatal("the first event has no position")
		}
		circle := s.Collection(accordtest.Circle)
		stats, err := circle.Stats()
		if err != nil {
			t.Fatal(err)
		}
		l := listen(t, s, accordtest.Member, accordtest.Circle, fmt.Sprintf("after=%d", stats.Entries))
		at := func(v int) store.Change {
			in, err := stix.ParseInstant(accordtest.Modified(v))
			if err != nil {
				t.Fatal(err)
			}
			return store.Change{Remove: &store.Removal{ID: stix.ID(accordtest.ToolID(1)), Versions: store.Versions{Exact: []stix.Instant{in}}}}
		}
		if newerFirst { // the one below is shown again, and then its removal is told
			remove(t, circle, at(2))
			l.want(live.EventAdded, accordtest.ToolID(1), accordtest.Modified(1))
			l.want(live.EventDeleted, accordtest.ToolID(1), accordtest.Modified(2))
			remove(t, circle, at(1))
			l.want(live.EventAdded, accordtest.ToolID(1), accordtest.Modified(0))
			l.want(live.EventDeleted, accordtest.ToolID(1), accordtest.Modified(1))
			continue
		}
		remove(t, circle, at(0))
		remove(t, circle, at(1))
		remove(t, circle, at(2))
		l.want(live.EventDeleted, accordtest.ToolID(1), accordtest.Modified(2))
	}
}

// When a node of a cluster replaces the file of an agreement, streams end, and those that begin then follow the new file.
func TestAStreamBeginsAnewWhenAFileIsReplaced(t *testing.T) {
	s := accordtest.New(t)
	old := listen(t, s, accordtest.Agency, accordtest.Programme, "")
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(1, 0))
	old.want(live.EventAdded, accordtest.IndicatorID(1), accordtest.Modified(0))
	accordtest.ReplaceFile(t, s.Store, s.Collection(accordtest.Programme))
	fresh := listen(t, s, accordtest.Agency, accordtest.Programme, "")
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicator(2, 0))
	fresh.want(live.EventAdded, accordtest.IndicatorID(2), accordtest.Modified(0))
	old.ends(live.Stopping)
}
