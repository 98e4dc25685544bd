package mirror

import (
	"fmt"
	"time"

	"github.com/accord-taxii/accord/taxii"
)

// clockSlack is how far apart the clocks of a remote server's machines may be.
const clockSlack = 5 * time.Second

// turnBack begins anew where the remote server's clock has gone back since the last transaction: what it has added since then may
// bear an earlier date than what was taken before. What comes again is here already. Until the clock has passed the newest date that
// the server has given, each visit begins where the clock is.
func (v *visit) turnBack(h head) bool {
	c := &v.cursor
	went := !h.date.IsZero() && !c.Clock.IsZero() && h.date.Before(c.Clock.Add(-clockSlack))
	if !h.date.IsZero() {
		c.Clock = h.date
	}
	if went {
		c.After, c.Last, c.Next, c.Back = time.Time{}, time.Time{}, "", true
		v.back, v.dated, v.pages = true, false, map[[8]byte]bool{}
	}
	return went
}

// notice says what is odd about a remote server that visits can live with; "" if nothing is.
func (v *visit) notice() string {
	if !v.cursor.Back {
		return ""
	}
	return fmt.Sprintf("the clock of the remote server has gone back, to %s, and it has dated objects later than that: nothing is lost, but each visit reads those again; tell its operator",
		taxii.FormatTime(v.cursor.Clock))
}
