package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
)

// agreementPage is the page of one agreement.
type agreementPage struct {
	admin.Agreement
	Roles    []agreement.Role // of the account's party
	Terms    []term
	Members  []agreement.Membership
	Releases []releaseRow
	Changes  []termsChange // the newest first
	Audits   bool
	Reads    bool
	Refusals bool
	Operator bool
	State    string
}

// term is one term in words.
type term struct{ Name, Value, Means string }

type releaseRow struct {
	agreement.Release
	Progress *admin.Release
	Terms    []term
}

// termsChange is an entry of the journal by which terms changed.
type termsChange struct {
	audit.Record
	First bool
}

// showAgreement answers: which terms hold today; what changed, when, by whom?
func showAgreement(p *page) error {
	name := p.r.PathValue("name")
	a, err := ask[admin.Agreement](p, apiAgreement(name))
	if err != nil {
		return err
	}
	m, _ := a.Member(p.caller.Party)
	v := agreementPage{Agreement: a, Roles: m.Roles, Members: a.Parties, Operator: p.caller.Operator, Terms: termsOf(&a.Agreement), State: string(a.State)}
	v.Reads = p.caller.Operator || slices.Contains(m.Roles, agreement.Consumer)
	v.Refusals = (p.caller.Operator || slices.Contains(m.Roles, agreement.Producer)) && a.Accept.KeepRefusedDays > 0
	v.Audits = a.Unavailable == "" && (p.caller.Operator || slices.Contains(m.Roles, agreement.Auditor))
	for _, r := range a.Release {
		row := releaseRow{Release: r, Terms: termsOfRelease(r)}
		for i := range a.Releases {
			if a.Releases[i].To == r.To {
				row.Progress = &a.Releases[i]
			}
		}
		v.Releases = append(v.Releases, row)
	}
	if v.Audits {
		if v.Changes, err = p.termsChanges(name); err != nil {
			return err
		}
	}
	return p.show(http.StatusOK, "agreement", "Agreement "+name, v, p.agreementCommands(a, v)...)
}

// mostTermsEntries bounds the entries that are looked through for changed terms.
const mostTermsEntries = 1000

// termsChanges returns the changes of terms, the newest first.
func (p *page) termsChanges(name string) (list []termsChange, err error) {
	answer, err := ask[audit.History](p, apiAgreement(name)+"changes/?limit="+strconv.Itoa(mostTermsEntries))
	if err != nil {
		return nil, err
	}
	for _, r := range answer.Entries {
		list = append(list, termsChange{Record: r, First: r.Position == 1})
	}
	slices.Reverse(list)
	return list, nil
}

// termsOf writes the terms of an agreement in words, each with what it means.
func termsOf(a *agreement.Agreement) (list []term) {
	add := func(is bool, name, value, means string) {
		if is {
			list = append(list, term{name, value, means})
		}
	}
	t := a.Accept
	add(true, "accept.max_tlp", orNone(t.MaxTLP.String()), "the most restrictive marking that is taken")
	add(true, "accept.default_tlp", orNone(t.DefaultTLP.String()), "the level of objects without a marking")
	add(t.MaxPAP != 0, "accept.max_pap", t.MaxPAP.String(), "the most restrictive PAP marking that is taken")
	add(t.RequireMarking, "accept.require_marking", "true", "objects without a marking are refused")
	add(true, "accept.types", orAll(t.Types), "the types of objects that are taken")
	add(true, "accept.spec_versions", orAll(t.SpecVersions), "the STIX versions that are taken")
	add(t.Markings != nil, "accept.markings", markingsText(t.Markings), "the markings beside TLP that are understood")
	add(t.CreatedBy != "", "accept.created_by", t.CreatedBy, "who an object may name as its author")
	add(t.Warnings != "", "accept.warnings", t.Warnings, "what becomes of objects with a warning")
	add(t.FutureModified != "", "accept.future_modified", t.FutureModified, "what becomes of objects dated in the future")
	add(t.Versions != "", "accept.versions", t.Versions, "who adds versions of an object")
	add(t.Relay, "accept.relay", "true", "parties may add what another party created")
	add(len(t.Tolerate) > 0, "accept.tolerate", strings.Join(t.Tolerate, ", "), "rules that objects may break")
	add(t.KeepRefusedDays > 0, "accept.keep_refused", strconv.Itoa(t.KeepRefusedDays)+" days", "how long what was refused is kept")
	add(a.Retention.Versions > 0, "retention.versions", strconv.Itoa(a.Retention.Versions), "how many versions of an object are kept")
	add(a.Retention.MaxAgeDays > 0, "retention.max_age", strconv.Itoa(a.Retention.MaxAgeDays)+" days", "how long objects are kept")
	add(true, "members", firstOf(a.Members, agreement.MembersConfidential), "whether parties see each other")
	add(a.Public, "public", "true", "anyone may read it, without an account")
	return list
}

// termsOfRelease writes what a release asks beside its ceiling and types.
func termsOfRelease(r agreement.Release) (list []term) {
	add := func(is bool, name, value, means string) {
		if is {
			list = append(list, term{name, value, means})
		}
	}
	add(r.MaxPAP != 0, "max_pap", r.MaxPAP.String(), "the most restrictive PAP marking that goes")
	add(r.Markings != nil, "markings", markingsText(r.Markings), "the markings beside TLP that are understood")
	add(r.Where != nil, "where", jsonText(r.Where), "only objects for which all of this holds")
	add(r.Change != nil, "change", jsonText(r.Change), "what is changed on the way")
	add(r.References != "" && r.References != agreement.ReferencesWith, "references", r.References, "whether an object goes without what it refers to")
	add(r.After != 0, "after", jsonText(r.After), "how long a version stays before it goes")
	add(!r.NotBefore.IsZero(), "not_before", agreement.FormatDate(r.NotBefore), "nothing goes before")
	add(r.Hold != "", "hold", r.Hold, "who must say yes")
	add(r.Expire != nil, "expire", jsonText(r.Expire), "what becomes of it when it is no longer valid")
	return list
}

func jsonText(v any) string {
	text, _ := json.Marshal(v) // a struct of ours can be encoded
	return strings.Trim(string(text), `"`)
}

func orNone(s string) string { return firstOf(s, "not restricted") }

func orAll(list []string) string { return firstOf(strings.Join(list, ", "), "all") }

// markingsText lists the markings that are understood.
func markingsText(m *agreement.Markings) string {
	if m == nil {
		return ""
	}
	return "carry " + firstOf(strings.Join(m.Carry, ", "), "none")
}

func (p *page) agreementCommands(a admin.Agreement, v agreementPage) []command {
	name := quote(string(a.Name))
	list := []command{p.listCommand("agreement show "+name, "Terms, state and figures:")}
	if v.Reads && a.Unavailable == "" {
		list = append(list, p.pullCommands(string(a.Name), nil)...)
	}
	if v.Operator && a.Unavailable == "" {
		list = append(list,
			command{"Stop it for a time, and go on:", "accord agreement suspend " + name + " --reason TEXT " + p.atServer() + "\naccord agreement resume " + name + " " + p.atServer()},
			command{"Move its end:", "accord agreement renew " + name + " --until YYYY-MM-DD " + p.atServer()},
			command{"End it for good:", "accord agreement terminate " + name + " --reason TEXT " + p.atServer()})
	}
	return list
}

// changeAgreement suspends, resumes, renews or terminates an agreement.
func changeAgreement(act string) func(*page) error {
	return func(p *page) error {
		name := p.r.PathValue("name")
		change := admin.TermChange{Until: p.value("until"), Reason: p.value("reason"), Withdraw: p.value("withdraw") != ""}
		if _, err := askWith[admin.Agreement](p, http.MethodPost, apiAgreement(name)+act+"/", change); err != nil {
			return err
		}
		return p.done(agreementPath(agreement.Name(name)))
	}
}

// renewals answers: what ends in 30 and 90 days, and what has ended?
type renewals struct {
	Groups []renewalGroup
	Open   uint64 // agreements without an end
}

type renewalGroup struct {
	Title string
	Rows  []admin.Agreement
	All   int
}

func showRenewals(p *page) error {
	list, err := ask[admin.AgreementList](p, withoutFigures)
	if err != nil {
		return err
	}
	now := p.Now()
	var v renewals
	groups := []renewalGroup{{Title: "End within 30 days"}, {Title: "End within 90 days"}, {Title: "End within a year"}, {Title: "Have ended, and can be renewed"}}
	for _, a := range list.Agreements {
		until := a.Term.Until
		switch {
		case a.Terminated != nil || a.Unavailable != "":
		case until.IsZero():
			v.Open++
		case !until.After(now):
			groups[3].Rows = append(groups[3].Rows, a)
		case until.Before(now.AddDate(0, 0, 30)):
			groups[0].Rows = append(groups[0].Rows, a)
		case until.Before(now.AddDate(0, 0, 90)):
			groups[1].Rows = append(groups[1].Rows, a)
		case until.Before(now.AddDate(1, 0, 0)):
			groups[2].Rows = append(groups[2].Rows, a)
		}
	}
	for i := range groups {
		slices.SortFunc(groups[i].Rows, func(a, b admin.Agreement) int { return a.Term.Until.Compare(b.Term.Until) })
		groups[i].All = len(groups[i].Rows)
		groups[i].Rows, _ = rowsFrom(groups[i].Rows, 0)
	}
	v.Groups = groups
	var commands []command
	if p.caller.Operator {
		commands = append(commands, command{"Move the end of one:", "accord agreement renew NAME --until YYYY-MM-DD " + p.atServer()})
	}
	return p.show(http.StatusOK, "renewals", "Renewals", v, commands...)
}
