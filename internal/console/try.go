package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
)

// tryPage judges what is pasted.
type tryPage struct {
	Agreements []tryChoice
	Chosen     string
	Text       string
	Tried      *admin.TriedObjects
	Accepted   int
	Readers    []agreement.PartyName // that would see what is accepted, as far as the account may know
	Releases   []agreement.Release
	Error      string
}

// tryChoice is a party that adds to an agreement.
type tryChoice struct {
	Value     string
	Agreement agreement.Name
	Party     agreement.PartyName
}

// mostTryText bounds what is pasted.
const mostTryText = 2 << 20

// tryChoices lists the agreements that the account's party may add to: for an operator, each party that may.
func (p *page) tryChoices() (list []tryChoice, all []admin.Agreement, err error) {
	answer, err := ask[admin.AgreementList](p, withoutFigures)
	for _, a := range answer.Agreements {
		if a.State != agreement.Active {
			continue
		}
		for _, m := range a.Parties {
			if slices.Contains(m.Roles, agreement.Producer) && (p.caller.Operator || m.Party == p.caller.Party) {
				list = append(list, tryChoice{string(a.Name) + " " + string(m.Party), a.Name, m.Party})
			}
		}
	}
	return list, answer.Agreements, err
}

func showTry(p *page) error {
	choices, _, err := p.tryChoices()
	if err != nil {
		return err
	}
	return p.showTry(tryPage{Agreements: choices})
}

func (p *page) showTry(v tryPage) error {
	return p.show(http.StatusOK, "try", "Try an object", v,
		command{"Whether files are valid, without a server:", "accord validate FILE..."},
		command{"Whether a collection has one of them with other content:", "accord validate FILE... --against COLLECTION-URL --user " + quote(p.account.Name)})
}

// tryObjects answers: what would become of this?
func tryObjects(p *page) error {
	choices, all, err := p.tryChoices()
	if err != nil {
		return err
	}
	v := tryPage{Agreements: choices, Chosen: p.value("as"), Text: p.r.PostFormValue("text")}
	i := slices.IndexFunc(choices, func(c tryChoice) bool { return c.Value == v.Chosen })
	if i < 0 {
		return formError{errors.New("choose an agreement")}
	}
	chosen := choices[i]
	if !json.Valid([]byte(v.Text)) {
		v.Error = "That is no JSON: paste one object, a bundle or an envelope."
		return p.showTry(v)
	}
	body := admin.TryObjects{Text: json.RawMessage(v.Text)}
	if p.caller.Operator {
		body.Party = chosen.Party
	}
	tried, err := askWith[admin.TriedObjects](p, http.MethodPost, apiAgreement(string(chosen.Agreement))+"try/", body)
	if admin.StatusOf(err) == http.StatusBadRequest {
		v.Error = err.Error()
		return p.showTry(v)
	}
	if err != nil {
		return err
	}
	v.Tried = &tried
	for _, o := range tried.Objects {
		if o.Accepted {
			v.Accepted++
		}
	}
	for _, a := range all {
		if a.Name == chosen.Agreement {
			v.Releases = a.Release
			for _, m := range a.Parties {
				if slices.Contains(m.Roles, agreement.Consumer) {
					v.Readers = append(v.Readers, m.Party)
				}
			}
		}
	}
	return p.showTry(v)
}

// refusedPage is what an agreement refused and keeps.
type refusedPage struct {
	admin.RefusedList
	Only string
	More string
	Keep bool // the agreement keeps what it refuses
}

// showRefused answers: what was refused, by which rule, and can it be tried again?
func showRefused(p *page) error {
	name := p.r.PathValue("name")
	answer, err := ask[admin.RefusedList](p, apiAgreement(name)+"refused/"+query("rule", p.value("rule"), "next", p.value("next"), "limit", "100"))
	if err != nil {
		return err
	}
	v := refusedPage{RefusedList: answer, Only: p.value("rule"), Keep: answer.Days > 0}
	if answer.Next != "" {
		v.More = agreementPath(agreement.Name(name)) + "refused/" + query("rule", v.Only, "next", answer.Next)
	}
	return p.show(http.StatusOK, "refused", "Refused by "+name, v,
		command{"The same list:", "accord refused list " + quote(name) + " " + p.remote()},
		command{"Try all of a rule again, once the terms or the rule have changed:", "accord refused retry " + quote(name) + " --rule " + quote(firstOf(v.Only, "RULE")) + " " + p.remote()})
}

// refusedTextPage is one refused object with its text.
type refusedTextPage struct {
	admin.RefusedText
	Agreement string
	Shown     string
	Cut       bool
}

func showRefusedText(p *page) error {
	name := p.r.PathValue("name")
	answer, err := ask[admin.RefusedText](p, apiAgreement(name)+"refused/"+p.r.PathValue("key")+"/")
	if err != nil {
		return err
	}
	v := refusedTextPage{RefusedText: answer, Agreement: name}
	v.Shown, v.Cut = indented(answer.Text)
	return p.show(http.StatusOK, "refusedtext", "Refused "+middle(answer.Object), v,
		command{"The same:", "accord refused show " + quote(name) + " " + answer.Key + " " + p.remote()})
}

// retryRefused tries refused objects again.
func retryRefused(p *page) error {
	name := p.r.PathValue("name")
	body := map[string]any{"all": true}
	if key := p.value("key"); key != "" {
		body = map[string]any{"keys": []string{key}}
	} else if rule := p.value("rule"); rule != "" {
		body = map[string]any{"rule": rule}
	}
	if _, err := askWith[admin.RetryAnswer](p, http.MethodPost, apiAgreement(name)+"refused/retry/", body); err != nil {
		return err
	}
	return p.done(agreementPath(agreement.Name(name)) + "refused/")
}
