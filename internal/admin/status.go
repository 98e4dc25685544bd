package admin

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
	"github.com/accord-taxii/accord/store"
)

// Running is what a server tells a Service about itself, for Status.
type Running struct {
	Version      string
	Certificates func() []NamedCertificate     // that the server shows or accepts
	Refused      func() map[agreement.Name]int // objects refused since the start
}

// NamedCertificate is a certificate and the file it came from.
type NamedCertificate struct {
	File        string
	Use         string // "server", or "client issuer"
	Certificate *x509.Certificate
}

// Status says how a data folder and its server are.
type Status struct {
	Running      bool           `json:"running"`
	Version      string         `json:"version,omitempty"` // of the server
	At           time.Time      `json:"at"`
	Data         string         `json:"data"` // the data folder, as commands name it; "DIR" over the network
	ServerName   string         `json:"server_name,omitempty"`
	Key          string         `json:"key,omitempty"` // verifier key
	Agreements   []AgreementUse `json:"agreements"`
	Certificates []Certificate  `json:"certificates"`
	Disk         *store.Disk    `json:"disk,omitempty"`
	Upkeep       store.Upkeep   `json:"upkeep"`  // last backup and last check
	Formats      map[string]int `json:"formats"` // newest layout of each kind of file that this program writes

	Findings    []Finding `json:"findings"`    // something must be done
	Information []Finding `json:"information"` // worth knowing
}

// A Finding names what it is about, and the command that mends it.
type Finding struct {
	Agreement agreement.Name `json:"agreement,omitempty"`
	Account   string         `json:"account,omitempty"`
	File      string         `json:"file,omitempty"`
	Message   string         `json:"message"`
	Command   string         `json:"command,omitempty"`
}

// AgreementUse is an agreement in a Status.
type AgreementUse struct {
	Name      agreement.Name  `json:"name"`
	State     agreement.State `json:"state,omitempty"`
	Until     time.Time       `json:"until,omitzero"`
	Objects   uint64          `json:"objects"`
	Versions  uint64          `json:"versions"`
	LastAdded time.Time       `json:"last_added,omitzero"`
	Refused   int             `json:"refused,omitempty"` // objects, since the server started
	Behind    uint64          `json:"behind,omitempty"`  // entries that releases have yet to process
}

// Certificate is how long a certificate is valid.
type Certificate struct {
	Use     string    `json:"use"`
	File    string    `json:"file,omitempty"`
	Subject string    `json:"subject"`
	Until   time.Time `json:"until"`
	Days    int       `json:"days"` // left; negative once it has ended
}

const (
	endsSoon     = 30 * 24 * time.Hour // of a term or a certificate
	clockSlack   = 5 * time.Second     // how far the last entry may be ahead of the clock
	leastFree    = 20                  // the least share of a disk that should be free, as its divisor
	scarceFree   = 5                   // the same, as information
	behindIsMuch = 10_000              // entries
)

// statusRoutes are the paths of Status.
var statusRoutes = []route{{
	method: http.MethodGet, path: "status/", reach: operators, memory: largeAnswer, do: (*Service).serveStatus,
	summary: "Say how the server is", note: "Findings name an agreement, an account or a file, and the command that mends them.",
	answer: Status{},
}, {
	method: http.MethodGet, path: "certificates/", reach: operators, do: (*Service).serveCertificates,
	summary: "List certificates", note: "Those that the server shows or accepts, with the days that they are still valid.",
	answer: CertificateList{},
}}

// CertificateList is the answer about certificates.
type CertificateList struct {
	Certificates []Certificate `json:"certificates"`
}

func (s *Service) serveCertificates(c call) (any, error) {
	if _, err := parameters(c.Request); err != nil {
		return nil, err
	}
	return CertificateList{s.certificates(s.now())}, nil
}

func (s *Service) serveStatus(c call) (any, error) {
	if isAtTheMachine(c.caller.Account) {
		return s.Status(shellWord(s.store.Dir()))
	}
	return s.Status("DIR")
}

// Status asks how the server is.
func (c *Client) Status(ctx context.Context) (st Status, err error) {
	return st, c.do(ctx, http.MethodGet, "status/", nil, &st)
}

// StoppedStatus is the status of a data folder that cannot be opened, because of a part that it has lost or that is damaged.
// Other errors are returned: then nothing is known.
func StoppedStatus(dir string, opening error, now time.Time) (Status, error) {
	st := newStatus(now)
	dir = shellWord(dir)
	st.Data = dir
	st.stopped(dir)
	var lost *store.LostError
	switch {
	case errors.As(opening, &lost):
		st.find(Finding{File: lost.Part, Message: "it is missing, or empty, beside files of agreements", Command: fmt.Sprintf("accord restore --from BACKUP --data %s --registry", dir)})
	case errors.Is(opening, store.ErrRegistryDamaged):
		st.find(Finding{File: "accord.db", Message: "it is damaged: agreements, parties and accounts cannot be read", Command: fmt.Sprintf("accord restore --from BACKUP --data %s --registry", dir)})
	default:
		return Status{}, opening
	}
	return st, nil
}

// shellWord writes a path as a shell reads it as one word.
func shellWord(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func newStatus(now time.Time) Status {
	return Status{At: now.UTC(), Agreements: []AgreementUse{}, Certificates: []Certificate{}, Findings: []Finding{}, Information: []Finding{}, Formats: store.Formats()}
}

func (st *Status) stopped(dir string) {
	st.find(Finding{Message: "no server is running on " + dir, Command: "systemctl start accord, or accord serve --data " + dir + " --listen HOST:PORT"})
}

func (st *Status) find(f Finding)   { st.Findings = append(st.Findings, f) }
func (st *Status) inform(f Finding) { st.Information = append(st.Information, f) }

// Status says how the store and the server are now. data is the data folder as the commands in it name it.
func (s *Service) Status(data string) (Status, error) {
	now := s.now()
	st := newStatus(now)
	st.Data, st.Running = data, s.running != nil
	if s.running != nil {
		st.Version = s.running.Version
	} else {
		st.stopped(st.Data)
	}
	s.keyStatus(&st)
	if err := s.agreementStatus(&st, now); err != nil {
		return Status{}, err
	}
	s.accountStatus(&st, now)
	if err := errors.Join(s.webhookStatus(&st, now), s.mirrorStatus(&st, now), s.outboxStatus(&st, now)); err != nil {
		return Status{}, err
	}
	st.Certificates = s.certificates(now)
	certificateStatus(&st, now)
	s.diskStatus(&st)
	s.upkeepStatus(&st, now)
	return st, s.fileStatus(&st)
}

func (s *Service) keyStatus(st *Status) {
	keys, err := s.store.SigningKey()
	var lost *store.LostError
	switch {
	case errors.As(err, &lost):
		st.find(Finding{File: "keys", Message: "the signing key is missing; if no backup has it, accord audit key --replace-lost makes another, of which auditors must be told", Command: fmt.Sprintf("cp -a BACKUP/keys %s/", st.Data)})
	case err != nil:
		st.find(Finding{File: "keys/key", Message: err.Error(), Command: fmt.Sprintf("cp -a BACKUP/keys %s/", st.Data)})
	case keys != nil:
		st.ServerName, st.Key = keys.Name(), keys.Key()
	}
}

func (s *Service) agreementStatus(st *Status, now time.Time) error {
	list, err := s.Agreements()
	if err != nil {
		return err
	}
	var refused map[agreement.Name]int
	if s.running != nil && s.running.Refused != nil {
		refused = s.running.Refused()
	}
	releasing := map[agreement.Name]bool{}
	for _, a := range list {
		for _, r := range a.Releases {
			releasing[a.Name], releasing[r.To] = true, true
		}
	}
	for _, a := range list {
		use := AgreementUse{Name: a.Name, State: a.State, Refused: refused[a.Name]}
		if a.Unavailable != "" {
			lost := Finding{Agreement: a.Name, File: "agreements/" + a.Collection.ID.String() + ".db", Message: "not available: " + a.Unavailable,
				Command: fmt.Sprintf("stop the server; accord check --data %s --agreement %s --rebuild, or accord restore --from BACKUP --data %s --agreement %s", st.Data, a.Name, st.Data, a.Name)}
			if s.store.InCluster() {
				lost.Message += "; it is fetched anew from another node of the cluster"
				lost.Command = "accord cluster list --data " + st.Data
			}
			st.find(lost)
			st.Agreements = append(st.Agreements, use)
			continue
		}
		use.Until, use.Objects, use.Versions, use.LastAdded = a.Term.Until, a.Figures.Objects, a.Figures.Versions, a.Figures.LastAdded
		for _, r := range a.Releases {
			use.Behind += r.Behind
			s.releaseStatus(st, a, r)
		}
		st.Agreements = append(st.Agreements, use)
		s.termStatus(st, a, releasing[a.Name], now)
		s.clockStatus(st, a, now)
	}
	return nil
}

func (s *Service) releaseStatus(st *Status, a Agreement, r Release) {
	if r.Conflicts > 0 {
		st.find(Finding{Agreement: r.To, Message: fmt.Sprintf("has other content under %d versions that %s releases to it", r.Conflicts, a.Name),
			Command: fmt.Sprintf("accord agreement release %s --to %s --dry-run --data %s", a.Name, r.To, st.Data)})
	}
	if s.running != nil && r.Paused == "" && r.Behind > behindIsMuch {
		st.inform(Finding{Agreement: a.Name, Message: fmt.Sprintf("its release to %s is %d entries behind", r.To, r.Behind),
			Command: fmt.Sprintf("accord agreement show %s --data %s", a.Name, st.Data)})
	}
}

// termStatus is about the end of an agreement. One that has ended is a finding while releases still count on it: they are
// paused without a message.
func (s *Service) termStatus(st *Status, a Agreement, releasing bool, now time.Time) {
	f := Finding{Agreement: a.Name, Command: fmt.Sprintf("accord agreement renew %s --until DATE --data %s", a.Name, st.Data)}
	switch left := a.Term.Until.Sub(now); {
	case a.Term.Until.IsZero() || a.State == agreement.Terminated:
	case left <= 0 && releasing:
		f.Message = fmt.Sprintf("ended on %s, and releases from or to it are paused", agreement.FormatDate(a.Term.Until))
		st.find(f)
	case left <= 0:
		f.Message = fmt.Sprintf("ended on %s", agreement.FormatDate(a.Term.Until))
		st.inform(f)
	case left <= endsSoon:
		f.Message = fmt.Sprintf("ends in %s", daysText(left))
		st.inform(f)
	}
}

// clockStatus compares the newest entry with the clock. date_added never goes back, so after a clock that was ahead, everything that
// comes in bears the time of that entry until the clock has come there.
func (s *Service) clockStatus(st *Status, a Agreement, now time.Time) {
	col, ok := s.store.Collection(a.Name)
	if !ok {
		return
	}
	stats, err := s.statsOf(col)
	if ahead := stats.LastEntry.Sub(now); err == nil && ahead > clockSlack {
		st.find(Finding{Agreement: a.Name, Message: fmt.Sprintf("its last entry is of %s, %s ahead of this machine's clock: one of the two is wrong. New objects get that time until the clock is there",
			stats.LastEntry.UTC().Format(time.RFC3339), ahead.Round(time.Second)), Command: "timedatectl"})
	}
}

// accountStatus finds accounts that are enabled and have nothing to log in with.
func (s *Service) accountStatus(st *Status, now time.Time) {
	accounts := s.store.Registry().Accounts
	for _, a := range accounts {
		usable := slices.ContainsFunc(a.Tokens, func(t auth.Token) bool { return t.Expires.IsZero() || now.Before(t.Expires) })
		if a.PasswordHash != "" && !auth.HashCounts(a.PasswordHash) && !a.Disabled {
			st.find(Finding{Account: a.Name, Message: "its password does not count: it was hashed by argon2id, and this program runs in FIPS mode",
				Command: fmt.Sprintf("accord account password %s --data %s", a.Name, st.Data)})
		}
		if a.Disabled || a.PasswordHash != "" || len(a.Certificates) > 0 || usable || a.OIDC != nil {
			if a.Expired(now) && !a.Disabled {
				st.find(Finding{Account: a.Name, Message: "cannot log in: it expired on " + a.Expires.UTC().Format(time.DateOnly),
					Command: fmt.Sprintf("accord account disable %s --data %s, or give it a later date in the apply file", a.Name, st.Data)})
			}
			continue
		}
		f := Finding{Account: a.Name, Message: "cannot log in: it has no password, no certificate and no token",
			Command: fmt.Sprintf("accord account token new %s --data %s, or accord account disable %s --data %s", a.Name, st.Data, a.Name, st.Data)}
		if len(a.Tokens) > 0 {
			f.Message = "cannot log in: its tokens have expired"
		}
		st.find(f)
	}
}

// certificates lists those that the server shows or accepts.
func (s *Service) certificates(now time.Time) []Certificate {
	list := []Certificate{}
	if s.running == nil || s.running.Certificates == nil {
		return list
	}
	for _, c := range s.running.Certificates() {
		left := c.Certificate.NotAfter.Sub(now)
		days := int(left / (24 * time.Hour))
		if left < 0 {
			days = min(days, -1)
		}
		list = append(list, Certificate{Use: c.Use, File: c.File, Subject: c.Certificate.Subject.String(), Until: c.Certificate.NotAfter, Days: days})
	}
	return list
}

func certificateStatus(st *Status, now time.Time) {
	for _, c := range st.Certificates {
		left := c.Until.Sub(now)
		f := Finding{File: c.File, Command: "renew " + c.File + "; a running server reads it again by itself"}
		switch {
		case left <= 0:
			f.Message = fmt.Sprintf("the certificate of the %s ended on %s", c.Use, c.Until.UTC().Format(time.DateOnly))
			st.find(f)
		case left <= endsSoon:
			f.Message = fmt.Sprintf("the certificate of the %s ends in %s", c.Use, daysText(left))
			st.find(f)
		}
	}
}

func (s *Service) diskStatus(st *Status) {
	disk, err := s.store.Disk()
	if err != nil || disk.Total == 0 {
		return
	}
	st.Disk = &disk
	f := Finding{Message: fmt.Sprintf("%d of %d MiB of the disk are free", st.Disk.Free>>20, st.Disk.Total>>20), Command: "du -xh --max-depth=2 " + st.Data + "; make room, or move the data folder"}
	switch {
	case st.Disk.Free < st.Disk.Total/leastFree:
		st.find(f)
	case st.Disk.Free < st.Disk.Total/scarceFree:
		st.inform(f)
	}
}

func (s *Service) upkeepStatus(st *Status, now time.Time) {
	u, err := s.store.Upkeep()
	if err != nil {
		st.inform(Finding{File: "upkeep.json", Message: err.Error(), Command: "rm " + filepath.Join(st.Data, "upkeep.json")})
		return
	}
	st.Upkeep = u
	backup := fmt.Sprintf("accord backup --data %s --to /backup/accord-%s", st.Data, now.UTC().Format(time.DateOnly))
	switch {
	case u.Backup == nil:
		st.inform(Finding{Message: "no backup was made yet", Command: backup})
	case now.Sub(u.Backup.At) > 7*24*time.Hour:
		st.inform(Finding{Message: "the last backup is " + daysText(now.Sub(u.Backup.At)) + " old", Command: backup})
	}
	if u.Check != nil && u.Check.Faults > 0 {
		st.find(Finding{Message: fmt.Sprintf("the last check found %d faults", u.Check.Faults), Command: "accord check --data " + st.Data})
	}
}

func (s *Service) fileStatus(st *Status) error {
	list, err := s.store.Survey()
	for _, t := range list {
		at := filepath.Join(st.Data, filepath.FromSlash(t.File))
		f := Finding{File: t.File, Message: t.Message}
		switch t.Kind {
		case store.WrongOwner:
			f.Command = "chown --reference=" + st.Data + " " + at
		case store.WrongMode:
			f.Command = "chmod go= " + at
		case store.Unlisted:
			f.Command = fmt.Sprintf("accord restore --from BACKUP --data %s --registry, with a backup that lists it; or move %s away", st.Data, at)
		case store.Leftover:
			f.Command = "rm -r " + at
			st.inform(f)
			continue
		}
		st.find(f)
	}
	return err
}

// daysText is a duration in days or, if it is short, in hours.
func daysText(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
