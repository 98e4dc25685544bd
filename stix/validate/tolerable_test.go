package validate

import (
	"fmt"
	"strings"
	"testing"
)

// Every rule that can refuse an object is tolerable, or there is a reason why it is not.
func TestEveryRuleIsTolerableOrNeeded(t *testing.T) {
	for _, r := range Rules() {
		ok, why := Tolerable(r.ID)
		if ok == (why != "") || tolerable[r.ID] && needed[r.ID] != "" {
			t.Errorf("%s: tolerable %v, because %q", r.ID, ok, why)
		}
		if r.Severity == Error && !ok && needed[r.ID] == "" {
			t.Errorf("%s is an error and neither tolerable nor needed", r.ID)
		}
	}
	for n := 301; n <= 325; n++ {
		if rule := fmt.Sprintf("S-%d", n); tolerable[rule] && needed[rule] != "" {
			t.Errorf("%s is tolerable and needed", rule)
		}
	}
	for _, rule := range []string{"S-999", "A-003", "", "S-025 "} {
		if ok, why := Tolerable(rule); ok || why == "" || strings.HasSuffix(why, ".") {
			t.Errorf("%q: got %v, %q", rule, ok, why)
		}
	}
}

func TestMarkingsOwnersAndStoringCannotBeTolerated(t *testing.T) {
	for _, rule := range []string{"S-015", "S-050", "S-056", "S-187", "S-205", "S-201", "S-052", "S-023"} {
		if ok, why := Tolerable(rule); ok || !strings.Contains(why, "cannot be tolerated") {
			t.Errorf("%s: got %v, %q", rule, ok, why)
		}
	}
	if ok, _ := Tolerable("S-025"); !ok {
		t.Error("S-025 cannot be tolerated")
	}
}
