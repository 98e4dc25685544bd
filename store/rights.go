package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store/journal"
)

// Rights follows the entries of an agreement's journal, in order, and finds acts of parties that the terms in force did not
// allow. It judges by agreement.Permit, as a transaction does. The zero value is at the beginning of a journal.
type Rights struct {
	terms   *agreement.Agreement
	allowed map[partyAct]bool // by these terms, until they expire
	correct bool              // by these terms, parties may correct
}

type partyAct struct {
	party string
	act   agreement.Act
}

// rightsTolerance is how far the time of an entry may be from the moment at which its transaction judged: the entries of a
// transaction lie up to a millisecond around it, one for each microsecond where there are more.
const rightsTolerance = time.Second

// Terms puts the document of a terms entry in force: what follows it is judged by it. Only what rights depend on is read,
// so that documents of other versions of this program can be followed.
func (r *Rights) Terms(document []byte) error {
	var terms struct {
		Name    agreement.Name         `json:"name"`
		Parties []agreement.Membership `json:"parties"`
		Term    agreement.Term         `json:"term"`
		Accept  struct {
			Corrections string `json:"corrections"`
		} `json:"accept"`
		Feedback   []string        `json:"feedback"`
		Suspended  *agreement.Mark `json:"suspended"`
		Terminated *agreement.Mark `json:"terminated"`
	}
	if err := json.Unmarshal(document, &terms); err != nil {
		return fmt.Errorf("read terms: %w", err)
	}
	r.terms = &agreement.Agreement{Name: terms.Name, Parties: terms.Parties, Term: terms.Term, Feedback: terms.Feedback, Suspended: terms.Suspended, Terminated: terms.Terminated}
	r.correct = terms.Accept.Corrections == agreement.CorrectionsAccept
	r.allowed = map[partyAct]bool{}
	return nil
}

// Judge says why the terms in force did not allow what an entry records, "" where they did. Acts of the system, of releases
// and of operators need no right of a party.
func (r *Rights) Judge(e journal.Entry) (problem string) {
	act := actOfParty(e)
	if act == 0 || r.terms == nil {
		return ""
	}
	if e.Act == journal.ActCorrect && !r.correct {
		return fmt.Sprintf("the party %s corrected a version, and the terms take no corrections", e.Party)
	}
	by := partyAct{e.Party, act}
	if until := r.terms.Term.Until; r.allowed[by] && (until.IsZero() || e.At.Before(until)) {
		return ""
	}
	caller := agreement.Caller{Account: agreement.AccountName(e.Account), Party: agreement.PartyName(e.Party)}
	err := agreement.Permit(r.terms, caller, act, e.At)
	for _, at := range [...]time.Time{e.At.Add(-rightsTolerance), e.At.Add(rightsTolerance)} {
		if err != nil && agreement.Permit(r.terms, caller, act, at) == nil {
			return ""
		}
	}
	if err != nil && act == agreement.Add && e.Act == "" {
		for _, at := range [...]time.Time{e.At, e.At.Add(-rightsTolerance), e.At.Add(rightsTolerance)} {
			if agreement.PermitFeedback(r.terms, caller, stix.ID(e.Object).Type(), at) == nil {
				return ""
			}
		}
	}
	if err != nil {
		return fmt.Sprintf("the party %s had no right to %s: %v", e.Party, act, err)
	}
	r.allowed[by] = true
	return ""
}

// actOfParty is the act of a party that an entry records, 0 for none.
func actOfParty(e journal.Entry) agreement.Act {
	switch {
	case e.Party == "":
		return 0
	case e.Kind == journal.Added && e.Source.IsZero(), e.Kind == journal.Deleted && e.Act == journal.ActCorrect:
		return agreement.Add
	case e.Kind == journal.Deleted && e.Act == "":
		return agreement.Delete
	}
	return 0
}
