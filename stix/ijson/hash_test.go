package ijson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

func hashOf(t *testing.T, text string) uint64 {
	t.Helper()
	var tree Tree
	if err := tree.Parse([]byte(text), Limits{}); err != nil {
		t.Fatal(err)
	}
	return Hash(&tree)
}

// Files hold these hashes, so they must not change.
func TestTheHashStaysWhatItIs(t *testing.T) {
	for text, want := range map[string]uint64{
		`{"type":"ipv4-addr","value":"198.51.100.3"}`: 0x7d541c3e4e2bedb6,
		`[1.50,-0,100,true,null,"\u00e9"]`:            0xe23c6b8868c48d13,
	} {
		if got := hashOf(t, text); got != want {
			t.Errorf("%s: got %#x, want %#x", text, got, want)
		}
	}
}

func TestHashAgreesWithEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	numbers := []string{"0", "-0", "0.0", "1", "1.0", "10e-1", "0.1e1", "100", "1e2", "1E+2", "-1", "1e999999999999999999999", "1e99999999999999999999", "1.5", "15e-1"}
	for range 3000 {
		a := fmt.Sprintf(`{"a":[%s,"x"],"b":{"c":%s}}`, numbers[r.IntN(len(numbers))], numbers[r.IntN(len(numbers))])
		b := fmt.Sprintf(`{"b":{"\u0063":%s},"a":[%s,"\u0078"]}`, numbers[r.IntN(len(numbers))], numbers[r.IntN(len(numbers))])
		if got, want := hashOf(t, a) == hashOf(t, b), Equal([]byte(a), []byte(b)); got != want {
			t.Fatalf("%s and %s: same hash %v, equal %v", a, b, got, want)
		}
	}
}

func TestDecimalsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		text := fmt.Sprintf("%d.%0*de%d", r.IntN(2000)-1000, 1+r.IntN(4), r.IntN(1000), r.IntN(9)-4)
		if !json.Valid([]byte(text)) {
			continue
		}
		d := NewDecimal([]byte(text))
		exact, _ := new(big.Rat).SetString(text)
		if d.IsWhole() != exact.IsInt() || d.Sign() != exact.Sign() {
			t.Fatalf("%s: whole %v, sign %d; want %v, %d", text, d.IsWhole(), d.Sign(), exact.IsInt(), exact.Sign())
		}
		if v, ok := d.Int64(); ok != exact.IsInt() || ok && exact.Cmp(new(big.Rat).SetInt64(v)) != 0 {
			t.Fatalf("%s: got %d, %v", text, v, ok)
		}
		spelled := string(d.Append(nil))
		if again, ok := new(big.Rat).SetString(spelled); !ok || again.Cmp(exact) != 0 {
			t.Fatalf("%s is spelled %s", text, spelled)
		}
	}
}

// FuzzEqual compares two texts: equal values must have equal hashes.
func FuzzEqual(f *testing.F) {
	f.Add([]byte(`{"a":1.50,"b":[0,-0.0]}`), []byte(`{ "b":[0e9,0], "\u0061":15e-1}`))
	f.Add([]byte(`1e99999999999999999999`), []byte(`10e99999999999999999998`))
	f.Add([]byte(`-1`), []byte(`1`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var ta, tb Tree
		if ta.Parse(a, Limits{}) != nil || tb.Parse(b, Limits{}) != nil {
			if Equal(a, b) {
				t.Errorf("%q and %q are equal, though they cannot both be read", a, b)
			}
			return
		}
		one := Equal(a, b)
		if one != Equal(b, a) {
			t.Errorf("%q equals %q, but not the other way round", a, b)
		}
		if same := Hash(&ta) == Hash(&tb); same != one {
			t.Errorf("%q and %q: equal %t, hashed alike %t", a, b, one, same)
		}
		var again bytes.Buffer
		if json.Indent(&again, a, "", " ") == nil && !Equal(a, again.Bytes()) {
			t.Errorf("%q is not what it is with other white space", a)
		}
	})
}
