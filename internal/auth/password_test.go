package auth

import (
	"strings"
	"testing"
	"time"
)

func TestHashAndVerify(t *testing.T) {
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckHash(hash); err != nil {
		t.Errorf("a new hash is refused: %v", err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("a new hash costs something else: %s", hash)
	}
	if !VerifyPassword(hash, "correct horse") {
		t.Error("the password does not verify")
	}
	if VerifyPassword(hash, "correct horse ") || VerifyPassword(hash, "") || VerifyPassword("", "correct horse") {
		t.Error("something else verifies")
	}
	if other, _ := HashPassword("correct horse"); other == hash {
		t.Error("two hashes of one password are the same: there is no salt")
	}
	for name, password := range map[string]string{"empty": "", "too long": strings.Repeat("x", MaxPassword+1)} {
		if _, err := HashPassword(password); err == nil {
			t.Errorf("a password that is %s is hashed", name)
		}
	}
}

func TestHashesFromElsewhere(t *testing.T) {
	const salt, key = "c2FsdHNhbHQ", "AAAAAAAAAAAAAAAAAAAAAA"
	good := "$argon2id$v=19$m=65536,t=3,p=4$" + salt + "$" + key
	if err := CheckHash(good); err != nil {
		t.Fatalf("a good hash: %v", err)
	}
	for name, phc := range map[string]string{
		"empty":                               "",
		"a plain password":                    "s3cret",
		"argon2i":                             strings.Replace(good, "argon2id", "argon2i", 1),
		"bcrypt":                              "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"an older version of argon2":          strings.Replace(good, "v=19", "v=16", 1),
		"no version":                          strings.Replace(good, "v=19$", "", 1),
		"parameters in another order":         strings.Replace(good, "m=65536,t=3", "t=3,m=65536", 1),
		"a parameter missing":                 strings.Replace(good, ",p=4", "", 1),
		"a parameter more":                    strings.Replace(good, ",p=4", ",p=4,keyid=x", 1),
		"a leading zero":                      strings.Replace(good, "t=3", "t=03", 1),
		"a sign":                              strings.Replace(good, "t=3", "t=+3", 1),
		"too little memory":                   strings.Replace(good, "m=65536", "m=8", 1),
		"so much memory that it is an attack": strings.Replace(good, "m=65536", "m=4194304", 1),
		"no passes":                           strings.Replace(good, "t=3", "t=0", 1),
		"too many passes":                     strings.Replace(good, "t=3", "t=1000", 1),
		"too many lanes":                      strings.Replace(good, "p=4", "p=255", 1),
		"a salt that is too short":            strings.Replace(good, salt, "c2Fs", 1),
		"a salt with padding":                 strings.Replace(good, salt, salt+"=", 1),
		"a salt with bits left over":          strings.Replace(good, salt, "c2FsdHNhbHR", 1),
		"a key that is too short":             strings.Replace(good, key, "AAAA", 1),
		"a line break at the end":             good + "\n",
		"a further part":                      good + "$x",
		"white space in front":                " " + good,
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckHash(phc)
			if err == nil {
				t.Fatalf("%q is accepted", phc)
			}
			if phc != "" && strings.Contains(err.Error(), phc) {
				t.Errorf("the error quotes the hash: %v", err)
			}
			if VerifyPassword(phc, "x") {
				t.Error("and verifies")
			}
		})
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=1024,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, phc string) {
		h, err := parseHash(phc)
		if err == nil && h.String() != phc {
			t.Errorf("%q parses and is written as %q", phc, h)
		}
		if err != nil && (h.salt != nil || h.key != nil || h.memory != 0) {
			t.Errorf("%q fails and gives %+v", phc, h)
		}
	})
}

func TestCertificateNames(t *testing.T) {
	const print = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct{ in, want string }{
		"the spelling that is kept":      {print, print},
		"without the prefix":             {strings.TrimPrefix(print, "sha256:"), print},
		"in capitals":                    {strings.ToUpper(print), print},
		"with colons, as OpenSSL writes": {"SHA256:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF", print},
		"a subject":                      {"CN=feed,O=Vendor Ltd", "CN=feed,O=Vendor Ltd"},
		"too short a fingerprint":        {"sha256:0123", ""},
		"no hexadecimal digits":          {strings.Replace(print, "a", "g", 1), ""},
		"empty":                          {"", ""},
		"a bare name":                    {"feed", ""},
		"a subject without a value":      {"CN=", ""},
		"a subject with space around":    {" CN=feed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCertificate(tc.in)
			if got != tc.want || (err == nil) != (tc.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	plain, kept := NewToken(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "for the feed")
	if !strings.HasPrefix(plain, TokenPrefix) || len(plain) != len(TokenPrefix)+43 {
		t.Errorf("token: got %q, want %s and 43 characters", plain, TokenPrefix)
	}
	if kept.Hash != HashToken(plain) || len(kept.Hash) != 64 || strings.Contains(plain, kept.ID) || kept.Note != "for the feed" {
		t.Errorf("kept: got %+v", kept)
	}
	if other, otherKept := NewToken(time.Time{}, ""); other == plain || otherKept.ID == kept.ID {
		t.Error("two tokens are the same")
	}
}
