package taxii

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestFormatTime(t *testing.T) {
	form := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`) // T-033
	for _, row := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"zeros of the fraction stay", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "2026-01-02T03:04:05.000000Z"},
		{"below a microsecond is cut, not rounded", time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC), "2026-01-02T03:04:05.999999Z"},
		{"another zone becomes UTC", time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 7200)), "2026-01-02T01:04:05.000000Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := FormatTime(row.at)
			if got != row.want || !form.MatchString(got) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(10, func() { AppendTime(buf, time.Now()) }); n != 0 {
		t.Errorf("AppendTime allocates %v times, want 0", n)
	}
}

// T-071: every form of RFC 3339 with 0 to 9 digits of fraction, cut to the microsecond.
func TestParseTime(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"six digits", "2026-01-02T03:04:05.678901Z", "2026-01-02T03:04:05.678901Z"},
		{"no fraction, as the OASIS client sends whole seconds", "2010-09-08T07:06:05Z", "2010-09-08T07:06:05.000000Z"},
		{"one digit", "2010-09-08T07:06:05.5Z", "2010-09-08T07:06:05.500000Z"},
		{"milliseconds", "2010-09-08T07:06:05.123Z", "2010-09-08T07:06:05.123000Z"},
		{"nine digits are cut", "2010-09-08T07:06:05.123456999Z", "2010-09-08T07:06:05.123456Z"},
		{"the start of the epoch", "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z"},
		{"before the epoch the cut is towards the past too", "1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"},
		{"29 February in a leap year", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
		{"a leap second is the moment after", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
		{"ten digits", "2010-09-08T07:06:05.1234567890Z", ""},
		{"no Z", "2010-09-08T07:06:05", ""},
		{"what isoformat writes in Python", "2010-09-08T07:06:05.123456+00:00", "2010-09-08T07:06:05.123456Z"},
		{"an offset to the east", "2010-09-08T07:06:05+05:30", "2010-09-08T01:36:05.000000Z"},
		{"an offset to the west, over midnight", "2010-12-31T23:06:05.5-03:00", "2011-01-01T02:06:05.500000Z"},
		{"the offset of an unknown zone", "2010-09-08T07:06:05-00:00", "2010-09-08T07:06:05.000000Z"},
		{"a leap second with an offset", "2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00.000000Z"},
		{"second 60 with an offset at another moment", "2016-12-31T23:59:60-05:00", ""},
		{"an offset without a colon", "2010-09-08T07:06:05+0000", ""},
		{"an offset of 24 hours", "2010-09-08T07:06:05+24:00", ""},
		{"an offset of 60 minutes", "2010-09-08T07:06:05+01:60", ""},
		{"hour 24 with an offset", "2023-01-01T24:00:00+01:00", ""},
		{"a + that became a space", "2010-09-08T07:06:05 00:00", ""},
		{"a word", "now", ""},
		{"a space for T", "2010-09-08 07:06:05Z", ""},
		{"lower case", "2010-09-08t07:06:05z", "2010-09-08T07:06:05.000000Z"},
		{"a point without digits", "2010-09-08T07:06:05.Z", ""},
		{"a comma for the point", "2010-09-08T07:06:05,5Z", ""},
		{"one digit of hour", "2010-09-08T7:06:05Z", ""},
		{"a date alone", "2010-09-08", ""},
		{"29 February in another year", "2023-02-29T00:00:00Z", ""},
		{"month 13", "2023-13-01T00:00:00Z", ""},
		{"hour 24", "2023-01-01T24:00:00Z", ""},
		{"second 60 in the morning", "2023-01-01T09:00:60Z", ""},
		{"empty", "", ""},
		{"text after it", "2010-09-08T07:06:05Z ", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseTime(row.text)
			if row.want == "" {
				if err == nil {
					t.Errorf("got %v, want an error", got)
				}
				return
			}
			if err != nil || FormatTime(got) != row.want {
				t.Errorf("got %s, %v, want %s", FormatTime(got), err, row.want)
			}
		})
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2026-01-02T03:04:05.678901Z")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			if !at.IsZero() {
				t.Errorf("got %v beside %v, want zero", at, err)
			}
			return
		}
		again, err := ParseTime(FormatTime(at))
		if err != nil || !again.Equal(at) {
			t.Errorf("%q is %v, its own form is %v (%v)", text, at, again, err)
		}
	})
}

func TestAppendTimeWritesWhatTheLayoutSays(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	zone := time.FixedZone("", 5400)
	for range 10_000 {
		at := time.Unix(r.Int64N(300e9)-70e9, r.Int64N(1e9)).In(zone) // from before year 0 to after year 9999
		if got, want := string(AppendTime([]byte("x"), at)), "x"+at.UTC().Format(TimeFormat); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)} {
		if got, want := string(AppendTime(nil, at)), at.UTC().Format(TimeFormat); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The message names what clients stumble over.
func TestParseTimeSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"2010-09-08T07:06:05.1 02:00": "written %2B",
		"2010-09-08T07:06:05":         "has no zone",
		"yesterday":                   "is no timestamp",
	} {
		if _, err := ParseTime(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}
