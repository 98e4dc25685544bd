package auth

import (
	"net/netip"
	"slices"
	"time"
)

// Expired reports whether the account's time is over.
func (a Account) Expired(now time.Time) bool { return !a.Expires.IsZero() && !now.Before(a.Expires) }

// Bounds returns nil if the account may be used at a time, from an address; otherwise a *WrongError. Credentials are verified first:
// a stranger learns nothing from it.
func (a Account) Bounds(address string, now time.Time) error {
	switch {
	case a.Disabled:
		return &WrongError{"the account is disabled", a.Name}
	case a.Expired(now):
		return &WrongError{"the account has expired", a.Name}
	case len(a.Networks) == 0:
		return nil
	}
	from, err := netip.ParseAddr(address)
	if err != nil || !slices.ContainsFunc(a.Networks, func(p netip.Prefix) bool { return p.Contains(from.Unmap().WithZone("")) }) {
		return &WrongError{"the account may not be used from this address", a.Name}
	}
	return nil
}
