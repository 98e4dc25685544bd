package mirror

import (
	"errors"
	"fmt"
	"time"
)

// Fault is what is wrong with a remote server, by a name that is counted.
type Fault struct {
	Name   string
	Advice string        // what an operator can do; "" if it is the other side's to mend
	After  time.Duration // that the server asks to wait; 0: it does not say
	err    error
}

func (f *Fault) Error() string { return f.err.Error() }
func (f *Fault) Unwrap() error { return f.err }

// The names of faults.
const (
	FaultUnreachable = "unreachable" // no connection, no answer in time
	FaultCertificate = "certificate" // its certificate cannot be verified
	FaultLogin       = "login"       // 401, 403, or a page for people to log in
	FaultMissing     = "missing"     // 404: no such collection, or it is hidden
	FaultBusy        = "busy"        // 429 or 503
	FaultStatus      = "status"      // any other status
	FaultNotTAXII    = "not_taxii"   // the answer is not TAXII
	FaultTooLarge    = "too_large"   // the answer is beyond the bound, for a single object
	FaultLoop        = "loop"        // its pages lead in a circle, or nowhere
	FaultDates       = "dates"       // it gives so many objects one date_added that its pages do not lead on
	FaultVersion     = "version"     // it speaks another version of TAXII
	FaultSetup       = "setup"       // this side lacks what it needs, such as a password
	FaultHistory     = "history"     // it contradicts what it signed before; visits go on
	FaultClock       = "clock"       // its clock went back; visits go on
)

// Faults lists all names.
var Faults = []string{FaultUnreachable, FaultCertificate, FaultLogin, FaultMissing, FaultBusy, FaultStatus, FaultNotTAXII, FaultTooLarge, FaultLoop, FaultDates, FaultVersion, FaultSetup, FaultHistory, FaultClock}

func fault(name, advice, format string, args ...any) *Fault {
	return &Fault{Name: name, Advice: advice, err: fmt.Errorf(format, args...)}
}

// faultOf is the fault in an error; nil if the failure is not the remote server's.
func faultOf(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}
