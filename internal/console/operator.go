package console

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/store/journal"
)

// statusPage is how the server is: what must be done, its agreements, certificates, disk and backups.
type statusPage struct {
	admin.Status
	Order string
	More  string // address of the following agreements
}

// showStatus answers: is anything wrong; how large is each agreement; how old are the last backup and check; how many days are left?
func showStatus(p *page) error {
	st, err := ask[admin.Status](p, "status/")
	if err != nil {
		return err
	}
	v := statusPage{Status: st, Order: p.value("order")}
	slices.SortStableFunc(v.Agreements, func(a, b admin.AgreementUse) int {
		switch v.Order {
		case "objects":
			return cmp.Compare(b.Objects, a.Objects)
		case "behind":
			return cmp.Compare(b.Behind, a.Behind)
		case "refused":
			return cmp.Compare(b.Refused, a.Refused)
		}
		return cmp.Compare(a.Name, b.Name)
	})
	var next uint64
	if v.Agreements, next = rowsFrom(v.Agreements, p.number("from")); next > 0 {
		v.More = Prefix + "status/" + query("order", v.Order, "from", decimal(next))
	}
	return p.show(http.StatusOK, "status", "Status", v,
		command{"How the server is, for people and for monitoring (it exits with 1 when something must be done):", "accord status " + p.atServer()},
		command{"A backup while it runs:", "accord backup " + p.atServer() + " --to FOLDER"})
}

// accountsPage lists all accounts.
type accountsPage struct {
	Accounts     []accountRow
	Only         string
	Counts       []facetLink
	Certificates []admin.Certificate // that the server shows or accepts
	More         string              // address of the following accounts
}

type accountRow struct {
	admin.Account
	Nothing bool // it has nothing to log in with
	Expires time.Time
}

// accountFilters are what the list of accounts can be narrowed to.
var accountFilters = []struct {
	value, title string
	is           func(a accountRow, now time.Time) bool
}{
	{"nothing", "cannot log in", func(a accountRow, _ time.Time) bool { return a.Nothing || a.Disabled }},
	{"never", "never logged in", func(a accountRow, _ time.Time) bool { return a.LastSuccess == nil }},
	{"expiring", "a token ends within 30 days", func(a accountRow, now time.Time) bool {
		return !a.Expires.IsZero() && a.Expires.Before(now.AddDate(0, 0, 30))
	}},
	{"operator", "operators", func(a accountRow, _ time.Time) bool { return a.Operator }},
}

// showAccounts answers: which accounts are without credentials, expiring, unused?
func showAccounts(p *page) error {
	list, err := ask[admin.AccountList](p, "accounts/")
	if err != nil {
		return err
	}
	v := accountsPage{Only: p.value("only")}
	counts := map[string]uint64{}
	for _, a := range list.Accounts {
		row := accountRow{Account: a, Nothing: !a.Password && len(a.Tokens) == 0 && len(a.Certificates) == 0}
		for _, t := range a.Tokens {
			if !t.Expires.IsZero() && (row.Expires.IsZero() || t.Expires.Before(row.Expires)) {
				row.Expires = t.Expires
			}
		}
		keep := v.Only == ""
		for _, f := range accountFilters {
			if f.is(row, p.Now()) {
				counts[f.value]++
				keep = keep || v.Only == f.value
			}
		}
		if keep {
			v.Accounts = append(v.Accounts, row)
		}
	}
	for _, f := range accountFilters {
		one := facetLink{Value: f.title, Path: Prefix + "accounts/?only=" + f.value, Count: counts[f.value], On: v.Only == f.value}
		if one.On {
			one.Path = Prefix + "accounts/"
		}
		v.Counts = append(v.Counts, one)
	}
	var next uint64
	if v.Accounts, next = rowsFrom(v.Accounts, p.number("from")); next > 0 {
		v.More = Prefix + "accounts/" + query("only", v.Only, "from", decimal(next))
	}
	certificates, err := ask[admin.CertificateList](p, "certificates/")
	if err != nil {
		return err
	}
	v.Certificates = certificates.Certificates
	return p.show(http.StatusOK, "accounts", "Accounts", v, command{"The same list:", "accord account list " + p.atServer()})
}

// accountPage is one account.
type accountPage struct {
	admin.Account
	Self  bool
	Fresh *admin.Token     // drawn a moment ago: shown this once
	Enrol *admin.Enrolment // the same
}

func showAccount(p *page) error { return p.showAccount(accountPage{}) }

func (p *page) showAccount(v accountPage) (err error) {
	name := p.r.PathValue("name")
	if v.Account, err = ask[admin.Account](p, apiAccount(name)); err != nil {
		return err
	}
	v.Self = name == p.account.Name
	return p.show(http.StatusOK, "account", "Account "+name, v,
		command{"What it is, and its last logins:", "accord account show " + quote(name) + " " + p.atServer()},
		command{"Another password, another second factor, a token:", "accord account password " + quote(name) + " " + p.atServer() + "\naccord account totp " + quote(name) + " " + p.atServer() + "\naccord account token new " + quote(name) + " --name NOTE " + p.atServer()})
}

func apiAccount(name string) string { return "accounts/" + url.PathEscape(name) + "/" }

func accountPath(name string) string { return Prefix + apiAccount(name) }

// changeOfAccount is what forms about an account send.
type changeOfAccount struct {
	Reason string `json:"reason,omitempty"`
	Note   string `json:"note,omitempty"`
	Days   int    `json:"expires_in_days,omitempty"`
}

// changeAccount disables or enables an account.
func changeAccount(act string) func(*page) error {
	return func(p *page) error {
		name := p.r.PathValue("name")
		if _, err := askWith[admin.Account](p, http.MethodPost, apiAccount(name)+act+"/", changeOfAccount{Reason: p.value("reason")}); err != nil {
			return err
		}
		return p.done(accountPath(name))
	}
}

// drawToken draws a token, and shows it this once.
func drawToken(p *page) error {
	name := p.r.PathValue("name")
	made, err := askWith[admin.Token](p, http.MethodPost, apiAccount(name)+"tokens/", changeOfAccount{Note: p.value("note"), Days: int(p.number("days"))})
	if err != nil {
		return err
	}
	return p.showAccount(accountPage{Fresh: &made})
}

func revokeToken(p *page) error {
	name := p.r.PathValue("name")
	if _, err := askWith[admin.Account](p, http.MethodPost, apiAccount(name)+"tokens/"+url.PathEscape(p.value("id"))+"/revoke/", nil); err != nil {
		return err
	}
	return p.done(accountPath(name))
}

// showJournal answers: who changed what on the server?
func showJournal(p *page) error {
	after := p.number("after")
	answer, err := ask[audit.History](p, "server/history/"+query("after", decimal(after), "limit", decimal(pageEntries)))
	if err != nil {
		return err
	}
	v := historyPage{Entries: answer.Entries, After: journal.Position(after)}
	if answer.More {
		v.More = Prefix + "journal/" + query("after", decimal(uint64(answer.Next)))
	}
	return p.show(http.StatusOK, "history", "Administration journal", v, command{"The same:", "accord history --server " + p.atServer()})
}

// readersPage is who reads which agreement, over some agreements.
type readersPage struct {
	Rows       []readerRow
	More       string
	Only       string
	Stopped    int
	Agreements int
}

type readerRow struct {
	Agreement agreement.Name
	audit.Consumer
	Stopped bool
}

// readersAtOnce is how many agreements one page of readers looks at.
const readersAtOnce = 50

// showReaders answers: how far behind is each account; who has stopped asking?
func showReaders(p *page) error {
	list, err := ask[admin.AgreementList](p, withoutFigures)
	if err != nil {
		return err
	}
	v := readersPage{Only: p.value("only"), Agreements: len(list.Agreements)}
	from := int(min(p.number("from"), uint64(len(list.Agreements))))
	some := list.Agreements[from:min(from+readersAtOnce, len(list.Agreements))]
	if from+readersAtOnce < len(list.Agreements) {
		v.More = Prefix + "readers/" + query("from", decimal(uint64(from+readersAtOnce)), "only", v.Only)
	}
	for _, a := range some {
		if a.Unavailable != "" {
			continue
		}
		answer, err := ask[audit.ConsumerList](p, apiAgreement(string(a.Name))+"deliveries/?limit=100")
		if err != nil {
			return err
		}
		for _, c := range answer.Consumers {
			row := readerRow{a.Name, c, p.Now().Sub(c.LastPoll) > silentAfter}
			if row.Stopped {
				v.Stopped++
			}
			if v.Only == "" || v.Only == "stopped" && row.Stopped || v.Only == "behind" && c.Behind > 0 {
				v.Rows = append(v.Rows, row)
			}
		}
	}
	slices.SortStableFunc(v.Rows, func(a, b readerRow) int { return cmp.Compare(b.Behind, a.Behind) })
	return p.show(http.StatusOK, "readers", "Readers", v, command{"Of one agreement:", "accord audit deliveries --agreement NAME " + p.atServer()})
}

// partnersPage lists parties.
type partnersPage struct {
	Rows []partnerRow
	All  int
	More string // address of further ones
}

type partnerRow struct {
	agreement.Party
	Agreements int
	Accounts   int
	LastSeen   time.Time
}

func showPartners(p *page) error {
	parties, accounts, agreements, err := p.standing()
	if err != nil {
		return err
	}
	v := partnersPage{All: len(parties)}
	some, next := rowsFrom(parties, p.number("from"))
	if next > 0 {
		v.More = Prefix + "partners/" + query("from", decimal(next))
	}
	members := map[agreement.PartyName]int{}
	for _, a := range agreements {
		for _, m := range a.Parties {
			members[m.Party]++
		}
	}
	rows := map[string]*partnerRow{}
	for _, party := range some {
		rows[string(party.Name)] = &partnerRow{Party: party, Agreements: members[party.Name]}
	}
	for _, a := range accounts {
		row := rows[a.Party]
		if row == nil {
			continue
		}
		row.Accounts++
		if a.LastSuccess != nil && a.LastSuccess.At.After(row.LastSeen) {
			row.LastSeen = a.LastSuccess.At
		}
	}
	for _, party := range some {
		v.Rows = append(v.Rows, *rows[string(party.Name)])
	}
	return p.show(http.StatusOK, "partners", "Partners", v, command{"The same list:", "accord party list " + p.atServer()})
}

func (p *page) standing() ([]agreement.Party, []admin.Account, []admin.Agreement, error) {
	parties, err := ask[admin.PartyList](p, "parties/")
	if err != nil {
		return nil, nil, nil, err
	}
	accounts, err := ask[admin.AccountList](p, "accounts/")
	if err != nil {
		return nil, nil, nil, err
	}
	agreements, err := ask[admin.AgreementList](p, withoutFigures)
	return parties.Parties, accounts.Accounts, agreements.Agreements, err
}

// partnerPage is one party: what it gives and reads, and how it keeps up.
type partnerPage struct {
	agreement.Party
	Memberships []membershipRow
	Accounts    []admin.Account
	Readers     []readerRow
	Refused     []refusedCount
	Received    []receivedMonth // the newest first
	Incomplete  bool            // of Received: the oldest is missing
	Feedback    []labelled      // what it says about objects, by type
	More        bool            // it is in more agreements than a page looks at
}

// receivedMonth is what a party was given in a month.
type receivedMonth struct {
	Month      time.Time
	Versions   uint64
	Types, TLP []labelled // the most frequent first
}

// labelled is a count of something.
type labelled struct {
	Label string
	Count uint64
}

func labelledOf[N int | uint64](counts map[string]N) (list []labelled) {
	for label, n := range counts {
		list = append(list, labelled{label, uint64(n)})
	}
	slices.SortFunc(list, func(a, b labelled) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Label, b.Label))
	})
	return list
}

type membershipRow struct {
	admin.Agreement
	Roles []agreement.Role
}

type refusedCount struct {
	Agreement agreement.Name
	Rule      string
	Count     int
}

// showPartner answers: what does this partner give and read; when did it ask last; how far behind is it; what was it refused?
func showPartner(p *page) error {
	parties, accounts, agreements, err := p.standing()
	if err != nil {
		return err
	}
	name := p.r.PathValue("name")
	i := slices.IndexFunc(parties, func(one agreement.Party) bool { return string(one.Name) == name })
	if i < 0 {
		return errNoPage
	}
	v := partnerPage{Party: parties[i]}
	for _, a := range accounts {
		if a.Party == name {
			v.Accounts = append(v.Accounts, a)
		}
	}
	for _, a := range agreements {
		m, ok := a.Member(v.Name)
		if !ok {
			continue
		}
		if v.More = len(v.Memberships) == readersAtOnce; v.More {
			break
		}
		v.Memberships = append(v.Memberships, membershipRow{a, m.Roles})
		if err := v.follow(p, a); err != nil {
			return err
		}
	}
	if err := v.received(p); err != nil {
		return err
	}
	return p.show(http.StatusOK, "partner", "Partner "+name, v,
		command{"Its logins:", "accord account list " + p.atServer()},
		command{"What one of its accounts may do with an agreement, and why:", "accord explain ACCOUNT AGREEMENT " + p.atServer()})
}

// received asks what the party was given, by month.
func (v *partnerPage) received(p *page) error {
	answer, err := ask[admin.Received](p, "parties/"+url.PathEscape(string(v.Name))+"/received/")
	if errors.Is(err, audit.ErrNotNoted) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Incomplete, v.Feedback = answer.Incomplete, labelledOf(answer.Feedback)
	for _, m := range answer.Months {
		at, err := time.Parse("2006-01", m.Month)
		if err != nil {
			return err
		}
		v.Received = append(v.Received, receivedMonth{at, m.Versions, labelledOf(m.Types), labelledOf(m.TLP)})
	}
	return nil
}

// follow asks how the party keeps up with an agreement, and what it was refused there.
func (v *partnerPage) follow(p *page, a admin.Agreement) error {
	if a.Unavailable != "" {
		return nil
	}
	answer, err := ask[audit.ConsumerList](p, apiAgreement(string(a.Name))+"deliveries/?limit=1000")
	if err != nil {
		return err
	}
	for _, c := range answer.Consumers {
		if c.Party == string(v.Name) {
			v.Readers = append(v.Readers, readerRow{a.Name, c, p.Now().Sub(c.LastPoll) > silentAfter})
		}
	}
	if a.Accept.KeepRefusedDays == 0 {
		return nil
	}
	refused, err := ask[admin.RefusedList](p, apiAgreement(string(a.Name))+"refused/?limit=1000")
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, r := range refused.Objects {
		if r.Party == string(v.Name) {
			counts[r.Rule]++
		}
	}
	for rule, n := range counts {
		v.Refused = append(v.Refused, refusedCount{a.Name, rule, n})
	}
	slices.SortFunc(v.Refused, func(a, b refusedCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Rule, b.Rule))
	})
	return nil
}
