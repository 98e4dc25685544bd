package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestContentHashIsThatOfTheValue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	numbers := []string{"0", "-0", "0.0", "1", "1.0", "10e-1", "0.1e1", "100", "1e2", "1E+2", "-1", "1e999999999999999999999", "1e99999999999999999999", "1.5", "15e-1"}
	for range 3000 {
		a := fmt.Sprintf(`{"a":[%s,"x"],"b":{"c":%s}}`, numbers[r.IntN(len(numbers))], numbers[r.IntN(len(numbers))])
		b := fmt.Sprintf(`{"b":{"\u0063":%s},"a":[%s,"\u0078"]}`, numbers[r.IntN(len(numbers))], numbers[r.IntN(len(numbers))])
		if got, want := contentHash(parsed(t, a).Tree) == contentHash(parsed(t, b).Tree), sameContent([]byte(a), []byte(b)); got != want {
			t.Fatalf("%s and %s: same hash %v, same content %v", a, b, got, want)
		}
	}
}
