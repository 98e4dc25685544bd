package auth

import (
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

func TestFactor(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 15, 0, time.UTC)
	f, address, recovery, err := NewFactor("accord.example", "root", now)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") != f.Secret || u.Query().Get("issuer") != "accord.example" {
		t.Errorf("the address is %s (%v)", address, err)
	}
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(f.Secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, row := range []struct {
		name string
		code string
		want bool
	}{
		{"the code of now", code(now), true},
		{"the code of now, in groups", code(now)[:3] + " " + code(now)[3:], true},
		{"the code of the period before", code(now.Add(-30 * time.Second)), true},
		{"the code of the period after", code(now.Add(30 * time.Second)), true},
		{"a code of a minute ago", code(now.Add(-time.Minute)), false},
		{"no code", "", false},
		{"a part of a code", code(now)[:5], false},
		{"more than a code", code(now) + "0", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			step, ok := f.Step(row.code, now)
			if ok != row.want {
				t.Errorf("it is accepted: %v", ok)
			}
			if ok && (step < now.Unix()/30-1 || step > now.Unix()/30+1) {
				t.Errorf("its step is %d", step)
			}
		})
	}
	if len(recovery) != recoveryCodes {
		t.Fatalf("there are %d recovery codes", len(recovery))
	}
	left, ok := f.Without(recovery[3])
	if !ok || len(left.Recovery) != recoveryCodes-1 || len(f.Recovery) != recoveryCodes {
		t.Errorf("a recovery code is accepted: %v; %d are left", ok, len(left.Recovery))
	}
	if _, ok := left.Without(recovery[3]); ok {
		t.Error("a recovery code counts twice")
	}
	if _, ok := left.Without(""); ok {
		t.Error("no recovery code counts as one")
	}
}
