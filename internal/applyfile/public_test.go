package applyfile_test

import (
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/accordtest"
	"github.com/accord-taxii/accord/internal/applyfile"
)

// What is public is clear: an agreement that holds more is not made public.
func TestOnlyAClearAgreementIsMadePublic(t *testing.T) {
	s := accordtest.New(t)
	s.Post("vendor", accordtest.Path("gsp"), accordtest.Indicator(1, 0))
	file, err := applyfile.Parse("f", []byte("agreements:\n  - {name: gsp, title: Government programme, api_root: nicp, public: true, accept: {max_tlp: clear, default_tlp: clear}, parties: [{party: vendor, roles: [producer]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := applyfile.NewPlan(s.Store, file); err == nil || !strings.Contains(err.Error(), "holds 1 versions that are not known to be TLP:CLEAR") {
		t.Errorf("with an object without a marking: got %v", err)
	}
	s.Do(accordtest.Request{As: "vendor", Method: "DELETE", Path: accordtest.Path("gsp") + "objects/" + accordtest.IndicatorID(1) + "/"})
	if _, err := applyfile.NewPlan(s.Store, file); err != nil {
		t.Errorf("with nothing in it: got %v", err)
	}
}
