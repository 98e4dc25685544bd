package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/admin"
)

// Operators may ask everything, auditors everything of their agreement, producers what their party added, consumers heads and
// consistency; the agreement is hidden from callers without a role.
func TestWhoMayAudit(t *testing.T) {
	s := accordtest.New(t)
	s.FillIntake()
	const auditor, producer, consumer, outsider, operator = 0, 1, 2, 3, 4
	who := []string{accordtest.Agency, accordtest.Vendor, accordtest.Agency, accordtest.Outsider, accordtest.Operator}
	agreements := []string{accordtest.Programme, accordtest.Intake, accordtest.Intake, accordtest.Intake, accordtest.Intake}
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(0, 8)...)
	// The agency produces and consumes in intake, so the consumer is the member in circle.
	who[consumer], agreements[consumer] = accordtest.Member, accordtest.Circle
	s.Post(accordtest.Agency, accordtest.Path(accordtest.Circle), accordtest.Indicators(0, 8)...)
	if _, err := s.Store.RecordHeads(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][5]int{
		"checkpoint":             {200, 200, 200, 404, 200},
		"checkpoint/":            {200, 200, 200, 404, 200},
		"proof/?from=1":          {200, 200, 200, 404, 200},
		"proof/?from=1&to=2":     {200, 200, 200, 404, 200},
		"proof/?entry=2":         {200, 200, 403, 404, 200},
		"proof/?entry=8":         {200, 403, 403, 404, 200},
		"proof/?entry=99":        {400, 400, 400, 404, 400},
		"proof/?entry=2&size=99": {400, 400, 400, 404, 400},
		"proof/?entry=0":         {400, 400, 400, 404, 400},
		"proof/?entry=x":         {400, 400, 400, 404, 400},
		"proof/?from=0":          {400, 400, 400, 404, 400},
		"proof/?from=3&to=2":     {400, 400, 400, 404, 400},
		"proof/":                 {400, 400, 400, 404, 400},
		"proof/?entry=1&from=2":  {400, 400, 400, 404, 400},
		"entries/":               {200, 403, 403, 404, 200},
		"entries/?limit=0":       {400, 403, 403, 404, 400},
		"entry/?entry=2":         {200, 200, 403, 404, 200},
		"entry/?entry=8":         {200, 403, 403, 404, 200},
		"entry/?entry=99":        {404, 404, 404, 404, 404},
		"content/?entry=2":       {200, 200, 403, 404, 200},
		"content/?entry=8":       {200, 403, 403, 404, 200},
		"content/?entry=1":       {404, 403, 403, 404, 404},
		"history/":               {200, 200, 403, 404, 200},
		"history/?object=" + accordtest.IndicatorID(0):    {200, 200, 403, 404, 200},
		"history/?object=" + accordtest.IndicatorID(6):    {200, 404, 403, 404, 200},
		"history/?object=" + accordtest.IndicatorID(77):   {404, 404, 403, 404, 404},
		"history/?object=indicator":                       {400, 400, 403, 404, 400},
		"history/?objects=x":                              {400, 400, 400, 404, 400},
		"history/?after=1&after=2":                        {400, 400, 400, 404, 400},
		"deliveries/":                                     {200, 403, 403, 404, 200},
		"deliveries/?object=" + accordtest.IndicatorID(0): {200, 200, 403, 404, 200},
		"deliveries/?object=" + accordtest.IndicatorID(6): {200, 404, 403, 404, 200},
		"terms/?entry=1":                                  {200, 403, 403, 404, 200},
		"terms/?entry=2":                                  {404, 403, 403, 404, 404},
		"logged/":                                         {200, 200, 200, 404, 200},
		"":                                                {200, 200, 200, 404, 200},
		"renew/":                                          {405, 405, 405, 405, 405},
		"nonsense/":                                       {404, 404, 404, 404, 404},
	} {
		for i, account := range who {
			got := s.Get(account, admin.Prefix+"agreements/"+agreements[i]+"/"+path)
			if got.Status != want[i] {
				t.Errorf("%q as %s in %s: got %d %s, want %d", path, account, agreements[i], got.Status, got.Body, want[i])
			}
			var body struct {
				Title  string
				Status string `json:"http_status"`
			}
			if got.Status >= 400 && (json.Unmarshal(got.Body, &body) != nil || body.Title == "" || body.Status != fmt.Sprint(got.Status)) {
				t.Errorf("%q as %s: got the error %s", path, account, got.Body)
			}
		}
	}
	for _, path := range []string{"openapi.json", "keys/", "agreements/"} {
		if got := s.Get(accordtest.Outsider, admin.Prefix+path); got.Status != 200 || strings.Contains(string(got.Body), "gsp") {
			t.Errorf("%s as an outsider: got %d %s", path, got.Status, got.Body)
		}
	}
	if got := s.Get("", admin.Prefix+"keys/"); got.Status != 401 || got.Header.Get("Www-Authenticate") == "" {
		t.Errorf("without credentials: got %d %v", got.Status, got.Header)
	}
	for _, act := range []string{"renew", "suspend", "resume", "terminate"} {
		got := s.Do(accordtest.Request{As: accordtest.Vendor, Method: http.MethodPost, Path: admin.Prefix + "agreements/gsp/" + act + "/", Body: []byte("{}")})
		if got.Status != 403 {
			t.Errorf("%s as a producer: got %d %s, want 403", act, got.Status, got.Body)
		}
	}
	if got := s.Do(accordtest.Request{As: accordtest.Operator, Method: http.MethodPost, Path: admin.Prefix + "keys/rotate/"}); got.Status != 404 {
		t.Errorf("the key is rotated from afar: got %d %s", got.Status, got.Body)
	}
}
