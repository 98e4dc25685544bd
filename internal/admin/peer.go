package admin

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// byHeader has the name that --by gives, escaped as in a query. Only callers at the machine are heard.
const byHeader = "Accord-By"

// peerKey is the key, in the context of a request, of the operating system's user that sent it.
type peerKey struct{}

// withPeer notes whose process a connection to the socket comes from.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, known := peerOf(c)
	if !known {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, userNamed(uid))
}

// self returns the user of this process.
var self = sync.OnceValue(func() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return cmp.Or(u.Username, u.Uid)
})

// userNamed returns the name of a user, or its number if it has none here.
func userNamed(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "uid " + number
}

// localCaller returns the caller of a request that came by the socket, or from this process.
func localCaller(r *http.Request) agreement.Caller {
	peer, _ := r.Context().Value(peerKey{}).(string)
	by, _ := url.QueryUnescape(r.Header.Get(byHeader))
	return agreement.Caller{Account: operatorAt(peer, by), Operator: true}
}

// operatorAt names the operator at the machine, by the operating system's user and the name that was given with --by:
// "(operator)", "(operator root)", "(operator root: Jane Doe)".
func operatorAt(peer, by string) agreement.AccountName {
	text := strings.TrimSuffix(string(AtTheMachine), ")")
	if peer = plainWord(peer); peer != "" {
		text += " " + peer
	}
	if by = plainWord(by); by != "" {
		text += ": " + by
	}
	return agreement.AccountName(text + ")")
}

// LocalActor returns the author of what a command does to files itself.
func LocalActor(by string) store.Actor { return store.Actor{Account: operatorAt(self(), by)} }

// maxBy is the longest name that --by takes, in bytes.
const maxBy = 64

// CheckBy returns an error unless a name can be recorded as that of who administers.
func CheckBy(name string) error {
	switch {
	case len(name) > maxBy:
		return refuse("the name has %d characters, more than %d", len(name), maxBy)
	case strings.TrimSpace(name) == "" || plainWord(name) != name:
		return refuse("the name %q is empty, or has a parenthesis, a colon or a control character", name)
	}
	return nil
}

// plainWord is text as it may stand in the name of an account that is none.
func plainWord(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune("():", r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, journal.CleanText(s))
	return strings.TrimSpace(s[:min(len(s), maxBy)])
}

// isAtTheMachine reports whether an account is that of an operator at the machine. No account's name begins so.
func isAtTheMachine(name agreement.AccountName) bool {
	return strings.HasPrefix(string(name), strings.TrimSuffix(string(AtTheMachine), ")"))
}
