package admin

import (
	"strings"

	"github.com/accord-taxii/accord/internal/auth"
)

// manages returns nil if a caller reaches a route for managers: an operator reaches all accounts, an account that manages its party's
// reaches those of its party that are no operators. Others look absent to it.
func (s *Service) manages(c call) error {
	if c.caller.Operator {
		return nil
	}
	registry := s.store.Registry()
	manager, _ := registry.Account(string(c.caller.Account))
	if !manager.Manages || manager.Operator || manager.Party == "" || manager.Party != string(c.caller.Party) {
		return errOperatorsOnly
	}
	name := c.name()
	if name == "" {
		return nil
	}
	if a, ok := registry.Account(name); !ok || !managedBy(a, manager.Party) {
		return notFound("there is no account %s", name)
	}
	return nil
}

func managedBy(a auth.Account, party string) bool { return a.Party == party && !a.Operator }

// checkNew holds an account that a manager adds to what it may add: one of its party, whose name begins with the party's. So no
// answer tells whether another party has an account of some name.
func (c call) checkNew(n *NewAccount) error {
	if c.caller.Operator {
		return nil
	}
	party := string(c.caller.Party)
	if n.Party == "" {
		n.Party = party
	}
	switch {
	case n.Operator || n.Party != party:
		return errOperatorsOnly
	case !strings.HasPrefix(n.Name, party+"-"):
		return refuse("the account %s: names of accounts that the party %s makes for itself begin with %s-", n.Name, party, party)
	}
	return nil
}
