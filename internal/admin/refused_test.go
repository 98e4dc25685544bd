package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store/journal"
)

const refusedOfIntake = admin.Prefix + "agreements/" + accordtest.Intake + "/refused/"

// withoutPattern returns an indicator that the Standard refuses.
func withoutPattern(n int) []byte {
	return fmt.Appendf(nil, `{"type":"indicator","spec_version":"2.1","id":%q,"created":"2026-01-02T03:04:05.000Z","modified":"2026-01-02T03:04:05.000Z","pattern_type":"stix","valid_from":"2026-01-02T03:04:05Z"}`,
		accordtest.IndicatorID(n))
}

func listRefused(t *testing.T, s *accordtest.Server, as, query string) (list admin.RefusedList) {
	t.Helper()
	a := s.Get(as, refusedOfIntake+query)
	if a.Status != http.StatusOK {
		t.Fatalf("%s lists what was refused: %d %s", as, a.Status, a.Body)
	}
	s.JSON(a, &list)
	return list
}

func retry(t *testing.T, s *accordtest.Server, as, body string, status int) (answer admin.RetryAnswer) {
	t.Helper()
	a := s.Do(accordtest.Request{As: as, Method: http.MethodPost, Path: refusedOfIntake + "retry/", Body: []byte(body),
		Header: http.Header{"Content-Type": {"application/json"}}})
	if a.Status != status {
		t.Fatalf("%s tries again: %d %s, want %d", as, a.Status, a.Body, status)
	}
	if status == http.StatusOK {
		s.JSON(a, &answer)
	}
	return answer
}

// refusing makes intake keep what it refuses, and take only tools.
func refusing(s *accordtest.Server) {
	s.Change(accordtest.Intake, "change", func(a *agreement.Agreement) {
		a.Accept.Types, a.Accept.KeepRefusedDays = []string{"tool"}, 30
	})
}

// A producer sees what its own party was refused, operators all; others learn nothing.
func TestWhoSeesWhatWasRefused(t *testing.T) {
	s := accordtest.New(t)
	if list := listRefused(t, s, accordtest.Vendor, ""); list.Days != 0 || list.Total != 0 {
		t.Errorf("without the term: %+v", list)
	}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), withoutPattern(9))
	refusing(s)
	path := accordtest.Path(accordtest.Intake)
	s.Post(accordtest.Vendor, path, accordtest.Indicator(0, 0), accordtest.Indicator(1, 0), withoutPattern(2), accordtest.Tool(3, 0))
	s.Post(accordtest.Agency, path, accordtest.Indicator(4, 0))
	mine, theirs := listRefused(t, s, accordtest.Vendor, ""), listRefused(t, s, accordtest.Agency, "")
	if mine.Total != 3 || theirs.Total != 1 || mine.Objects[0].Party != "vendor" || theirs.Objects[0].Object != accordtest.IndicatorID(4) {
		t.Fatalf("the vendor sees %+v, the agency %+v", mine, theirs)
	}
	if r := mine.Rules; len(r) != 2 || r[0].Rule != "A-001" || r[0].Count != 2 {
		t.Errorf("by rule: %+v", r)
	}
	if o := mine.Objects[0]; o.Until.Sub(o.At) != 30*24*time.Hour || o.Message == "" || o.Account != accordtest.Vendor {
		t.Errorf("got %+v", o)
	}
	if all := listRefused(t, s, accordtest.Operator, "?limit=2"); all.Total != 4 || len(all.Objects) != 2 || all.Next == "" {
		t.Errorf("the operator sees %+v", all)
	} else if rest := listRefused(t, s, accordtest.Operator, "?limit=2&next="+all.Next); len(rest.Objects) != 2 || rest.Next != "" || rest.Objects[0].Key == all.Objects[1].Key {
		t.Errorf("and then %+v", rest)
	}
	if some := listRefused(t, s, accordtest.Vendor, "?rule=A-001"); some.Total != 2 || len(some.Rules) != 2 {
		t.Errorf("of one rule: %+v", some)
	}
	key := mine.Objects[0].Key
	for as, want := range map[string][3]int{
		accordtest.Vendor: {200, 200, 200}, accordtest.Operator: {200, 200, 200}, accordtest.Agency: {200, 404, 404},
		accordtest.Outsider: {404, 404, 404}, accordtest.Member: {404, 404, 404}, "": {401, 401, 401},
	} {
		again := s.Do(accordtest.Request{As: as, Method: http.MethodPost, Path: refusedOfIntake + "retry/", Body: []byte(`{"keys":["` + key + `"]}`),
			Header: http.Header{"Content-Type": {"application/json"}}})
		got := [3]int{s.Get(as, refusedOfIntake).Status, s.Get(as, refusedOfIntake+key+"/").Status, again.Status}
		if got != want {
			t.Errorf("%q lists, reads and tries again: got %v, want %v", as, got, want)
		}
	}
	// In gsp the agency consumes and audits: what a producer was refused is not for it.
	if got := s.Get(accordtest.Agency, admin.Prefix+"agreements/"+accordtest.Programme+"/refused/"); got.Status != http.StatusForbidden {
		t.Errorf("an auditor: got %d, want 403", got.Status)
	}
}

// The text of a refused object is shown as it came, and the account of deliveries says to whom.
func TestShowingARefusedObjectIsADelivery(t *testing.T) {
	s := accordtest.New(t)
	refusing(s)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicator(0, 0))
	key := listRefused(t, s, accordtest.Vendor, "").Objects[0].Key
	var shown admin.RefusedText
	s.JSON(s.Get(accordtest.Operator, refusedOfIntake+key+"/"), &shown)
	if string(shown.Text) != string(accordtest.Indicator(0, 0)) || shown.Rule != "A-001" {
		t.Errorf("got %s, refused by %s", shown.Text, shown.Rule)
	}
	a := s.Get(accordtest.Operator, admin.Prefix+"agreements/"+accordtest.Intake+"/deliveries/")
	if !strings.Contains(string(a.Body), `"way":"refused"`) || !strings.Contains(string(a.Body), key) {
		t.Errorf("deliveries: %s", a.Body)
	}
}

// After the terms changed, what they allow now is added for the party that sent it, whatever account tries again, and leaves the list.
func TestWhatWasRefusedIsTriedAgain(t *testing.T) {
	for _, as := range []string{accordtest.Vendor, accordtest.Operator} {
		t.Run(as, func(t *testing.T) {
			s := accordtest.New(t)
			refusing(s)
			s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicator(0, 0), withoutPattern(1))
			s.Post(accordtest.Agency, accordtest.Path(accordtest.Intake), accordtest.Indicator(2, 0))
			if got := retry(t, s, as, `{"rule":"A-001"}`, 200); got.Accepted != 0 || got.Refused == 0 || len(got.Rules) == 0 || got.Rules[0].Rule != "A-001" {
				t.Errorf("before the terms change: %+v", got)
			}
			s.Change(accordtest.Intake, "change", func(a *agreement.Agreement) { a.Accept.Types = nil })
			col := s.Collection(accordtest.Intake)
			before, _, _ := col.Head()
			got := retry(t, s, as, `{"all":true}`, 200)
			want := 1 // the vendor's
			if as == accordtest.Operator {
				want = 2
			}
			if got.Accepted != want || got.Refused != 1 || len(got.Statuses) != want {
				t.Errorf("afterwards: %+v, want %d accepted", got, want)
			}
			if list := listRefused(t, s, accordtest.Vendor, ""); list.Total != 1 || list.Objects[0].Object != accordtest.IndicatorID(1) || list.Objects[0].Account != accordtest.Vendor {
				t.Errorf("what is still refused: %+v", list)
			}
			parties := ""
			for p := before + 1; p <= before+uint64(want); p++ {
				e, _, err := col.Entry(journal.Position(p))
				if err != nil || e.Account != as {
					t.Errorf("entry %d: %+v, %v, want the account %s", p, e, err, as)
				}
				parties += e.Party + " "
			}
			if as == accordtest.Operator && parties != "agency vendor " || as == accordtest.Vendor && parties != "vendor " {
				t.Errorf("added for %s", parties)
			}
			if again := retry(t, s, as, `{"rule":"A-001"}`, 200); again.Tried != 0 {
				t.Errorf("once more: %+v", again)
			}
		})
	}
}

// Trying again needs the party's right to add at that moment.
func TestTryingAgainNeedsTheRightToAdd(t *testing.T) {
	s := accordtest.New(t)
	refusing(s)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicator(0, 0))
	s.Change(accordtest.Intake, "suspend", func(a *agreement.Agreement) {
		a.Accept.Types, a.Suspended = nil, &agreement.Mark{At: s.Clock.Now(), By: "root"}
	})
	for _, as := range []string{accordtest.Vendor, accordtest.Operator} {
		retry(t, s, as, `{"all":true}`, 403)
	}
	if list := listRefused(t, s, accordtest.Vendor, ""); list.Total != 1 {
		t.Errorf("the list has %d, want 1: a producer sees it in every state", list.Total)
	}
	for _, body := range []string{`{}`, `{"all":true,"rule":"x"}`, `{"keys":["x"],"all":true}`, `[]`, `{"every":true}`} {
		retry(t, s, accordtest.Vendor, body, 400)
	}
}

// What is kept ends with its time, and at once when the agreement keeps nothing any more.
func TestRefusedObjectsAreKeptForTheirTime(t *testing.T) {
	s := accordtest.New(t)
	refusing(s)
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Intake), accordtest.Indicator(0, 0))
	key := listRefused(t, s, accordtest.Vendor, "").Objects[0].Key
	s.Change(accordtest.Intake, "change", func(a *agreement.Agreement) { a.Accept.KeepRefusedDays = 0 })
	if list := listRefused(t, s, accordtest.Vendor, ""); list.Total != 0 || s.Get(accordtest.Vendor, refusedOfIntake+key+"/").Status != 404 {
		t.Errorf("without the term: %+v", list)
	}
	s.Change(accordtest.Intake, "change", func(a *agreement.Agreement) { a.Accept.KeepRefusedDays = 30 })
	s.Clock.Set(s.Clock.Now().Add(31 * 24 * time.Hour))
	if list := listRefused(t, s, accordtest.Operator, ""); list.Total != 0 || s.Get(accordtest.Operator, refusedOfIntake+key+"/").Status != 404 {
		t.Errorf("after its time: %+v", list)
	}
	var body struct{ Title string }
	if a := s.Get(accordtest.Vendor, refusedOfIntake+"nonsense/"); a.Status != 404 || json.Unmarshal(a.Body, &body) != nil || body.Title == "" {
		t.Errorf("an unknown key: %d %s", a.Status, a.Body)
	}
}
