package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// verifyPeers verifies what other servers have signed, and prints what that proves of each.
func verifyPeers(ctx context.Context, e *env, a *audit.Client, from source, trusted []string, format string) error {
	list, err := a.Peers(ctx, from.agreement())
	if err != nil {
		return err
	}
	if len(list.Peers) == 0 {
		return withHint(errors.New("NONE: no other server has signed anything for "+from.name), "the agreement needs a mirror of another Accord, or a mirror of it there; see accord mirror list")
	}
	var wrong []string
	proved := []audit.PeerVerdict{}
	for _, p := range list.Peers {
		verdict, err := audit.VerifyPeer(p, trustedFor(p, trusted))
		var contradiction *audit.HistoryError
		switch {
		case errors.As(err, &contradiction):
			wrong = append(wrong, fmt.Sprintf("%s: the server of %s contradicts what it signed: %s", strings.ToUpper(contradiction.Kind), journal.CleanText(p.Origin), journal.CleanText(contradiction.Problem)))
		case err != nil:
			return failed(err)
		default:
			proved = append(proved, verdict)
		}
		if err == nil && format == "text" {
			if _, err := fmt.Fprintln(e.stdout, verdict); err != nil {
				return err
			}
		}
	}
	if format == "json" {
		if err := writeJSON(e.stdout, struct {
			Peers []audit.PeerVerdict `json:"peers"`
			Wrong []string            `json:"wrong,omitempty"`
		}{proved, wrong}); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return withHint(errors.New(strings.Join(wrong, "\n")), "its heads are kept and prove it: accord mirror list names its operator's URL; once it is explained, accord mirror trust accepts what it shows")
	}
	return nil
}

// trustedFor returns the trusted keys that are of a peer's server, by the name that its heads begin with. A peer that none of them
// is of counts on its first head, and so does one with the name that servers have by default, unless one of them signed that.
func trustedFor(p audit.Peer, trusted []string) (own []string) {
	server, _, _ := strings.Cut(p.Origin, "/")
	for _, key := range trusted {
		name, _, _ := strings.Cut(key, "+")
		if name == server && (name != store.DefaultServerName || slices.ContainsFunc(p.Heads, func(h audit.PeerHead) bool { return h.Key == key })) {
			own = append(own, key)
		}
	}
	return own
}
