package admin

import (
	"context"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/stix"
)

// PreviewRelease says what becomes of everything in an agreement in its releases.
func (l *Local) PreviewRelease(ctx context.Context, name, to agreement.Name) ([]follow.Decision, error) {
	return PreviewRelease(ctx, l.Store, name, to)
}

// Explain says what an account may do with an agreement, and whether it would receive an object.
func (l *Local) Explain(ctx context.Context, account string, name agreement.Name, object stix.ID) (Explanation, error) {
	return Explain(ctx, l.Store, account, name, object, l.Now())
}

// Accounts lists all accounts by name.
func (l *Local) Accounts(context.Context) ([]Account, error) { return Accounts(l.Store), nil }

// AddAccount makes an account.
func (l *Local) AddAccount(ctx context.Context, n NewAccount) (Account, error) {
	return l.afterAccount(n.Name, AddAccount(ctx, l.Store, l.by(), n))
}

// DisableAccount turns a login away.
func (l *Local) DisableAccount(ctx context.Context, name, reason string) (Account, error) {
	return l.afterAccount(name, DisableAccount(ctx, l.Store, l.by(), name, reason))
}

// EnableAccount lets a login in again.
func (l *Local) EnableAccount(ctx context.Context, name string) (Account, error) {
	return l.afterAccount(name, EnableAccount(ctx, l.Store, l.by(), name))
}

// SetPassword gives an account another password, by its hash.
func (l *Local) SetPassword(ctx context.Context, name, hash string) (Account, error) {
	return l.afterAccount(name, SetPassword(ctx, l.Store, l.by(), name, hash))
}

// NewToken draws a token for an account.
func (l *Local) NewToken(ctx context.Context, name, note string) (Token, error) {
	return NewToken(ctx, l.Store, l.by(), name, note, l.Now())
}

// RevokeToken ends a token.
func (l *Local) RevokeToken(ctx context.Context, name, id string) (Account, error) {
	return l.afterAccount(name, RevokeToken(ctx, l.Store, l.by(), name, id))
}

// Parties lists all parties by name.
func (l *Local) Parties(context.Context) ([]agreement.Party, error) { return Parties(l.Store), nil }

// AddParty makes a party.
func (l *Local) AddParty(ctx context.Context, p agreement.Party) (agreement.Party, error) {
	if err := AddParty(ctx, l.Store, l.by(), p); err != nil {
		return agreement.Party{}, err
	}
	p, _ = l.Store.Registry().Party(p.Name)
	return p, nil
}

func (l *Local) afterAccount(name string, err error) (Account, error) {
	if err != nil {
		return Account{}, err
	}
	return AccountNamed(l.Store, name)
}
