package admin

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// aHash is that of "vendor-password", as cheap as is taken.
const aHash = "$argon2id$v=19$m=1024,t=1,p=1$+yw95wvPKuGfs0rTYIu7kA$itKdXcJN2hzFj3rsE6t0BWmrpH0q6147iWJbT9RxOxY"

// A token is accepted at once, is shown once, and is refused once it is revoked or the account disabled;
// every step is in accord.db's journal with who took it.
func TestTokensComeAndGo(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, by := context.Background(), store.Actor{Account: "root"}
	if err := s.AddAccount(ctx, by, NewAccount{Name: "ops", Operator: true}); err != nil {
		t.Fatal(err)
	}
	logins := auth.New(auth.Current(func() auth.Directory { return s.store.Registry() }), auth.Options{})
	login := func(secret string) bool {
		_, err := logins.Authenticate(ctx, auth.Request{Header: http.Header{"Authorization": {"Bearer " + secret}}}, nil)
		return err == nil
	}
	token, err := s.NewToken(ctx, by, "ops", "siem", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token.Secret, auth.TokenPrefix) || !login(token.Secret) {
		t.Errorf("the token %+v is not accepted", token)
	}
	if list := s.Accounts(); len(list) != 1 || len(list[0].Tokens) != 1 || list[0].Tokens[0].Secret != "" || list[0].Tokens[0].ID != token.ID {
		t.Errorf("got %+v, want one account with one token and no secret", list)
	}
	if err := s.DisableAccount(ctx, by, "ops", "left"); err != nil {
		t.Fatal(err)
	}
	if login(token.Secret) {
		t.Error("a disabled account was accepted")
	}
	if err := s.EnableAccount(ctx, by, "ops"); err != nil {
		t.Fatal(err)
	}
	if !login(token.Secret) {
		t.Error("an enabled account was refused")
	}
	if err := s.RevokeToken(ctx, by, "ops", token.ID); err != nil {
		t.Fatal(err)
	}
	if login(token.Secret) {
		t.Error("a revoked token was accepted")
	}
	var got []string
	s.store.AdminEntries(1, 100, func(_ journal.Position, e journal.Entry, _ []byte) bool {
		got = append(got, e.Account+" "+e.Act+" "+e.Subject+" "+strings.ReplaceAll(e.Reason, token.ID, "ID"))
		return true
	})
	want := []string{"root create account ops ", "root token new account ops token ID", "root disable account ops left",
		"root enable account ops ", "root token revoke account ops token ID"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
