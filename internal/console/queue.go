package console

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/follow"
	"github.com/accord-taxii/accord/internal/webhook"
	"github.com/accord-taxii/accord/stix"
)

// queuePage is what waits in releases, over all agreements that hold something back.
type queuePage struct {
	Rows    []queueRow
	Only    string // one agreement
	Holds   int    // agreements with releases that hold something back, or embargo it
	More    string // address of what waits under further agreements
	Decided []audit.Record
}

type queueRow struct {
	Agreement agreement.Name
	follow.Queued
	Mine bool // the account has approved it
}

// showQueue answers: what waits for my yes, what did I decide?
func showQueue(p *page) error {
	list, err := ask[admin.AgreementList](p, withoutFigures)
	if err != nil {
		return err
	}
	v := queuePage{Only: p.value("agreement")}
	holding := slices.DeleteFunc(list.Agreements, func(a admin.Agreement) bool {
		holds := slices.ContainsFunc(a.Release, func(r agreement.Release) bool { return r.Waits() })
		return a.Unavailable != "" || !holds || v.Only != "" && v.Only != string(a.Name)
	})
	v.Holds = len(holding)
	some, next := rowsFrom(holding, p.number("from"))
	if next > 0 {
		v.More = Prefix + "queue/" + query("from", decimal(next))
	}
	for _, a := range some {
		answer, err := ask[admin.QueueList](p, apiAgreement(string(a.Name))+"queue/")
		if err != nil {
			return err
		}
		for _, q := range answer.Queue {
			v.Rows = append(v.Rows, queueRow{a.Name, q, slices.Contains(q.Approved, p.caller.Account)})
		}
	}
	slices.SortStableFunc(v.Rows, func(a, b queueRow) int { return cmp.Or(a.Added.Compare(b.Added), cmp.Compare(a.Object, b.Object)) })
	name := firstOf(v.Only, "AGREEMENT")
	return p.show(http.StatusOK, "queue", "Queue", v,
		command{"What waits in the releases of an agreement:", "accord release queue " + quote(name) + " " + p.atServer()},
		command{"Approve, or refuse:", "accord release approve " + quote(name) + " OBJECT-ID --to TARGET --reason TEXT --by " + quote(p.account.Name) + " " + p.atServer() +
			"\naccord release refuse " + quote(name) + " OBJECT-ID --to TARGET --reason TEXT --by " + quote(p.account.Name) + " " + p.atServer()})
}

// decide approves or refuses what waits of an object.
func decide(p *page) error {
	name := p.value("agreement")
	d := admin.ReleaseDecision{Objects: []stix.ID{stix.ID(p.value("object"))}, To: agreement.Name(p.value("to")), Refuse: p.value("decision") == "refuse", Reason: p.value("reason")}
	if d.Reason == "" {
		return formError{errors.New("a decision has a reason, which the journal keeps")}
	}
	if _, err := askWith[admin.Decided](p, http.MethodPost, apiAgreement(name)+"queue/", d); err != nil {
		return err
	}
	return p.done(Prefix + "queue/")
}

// jobsPage is what works in the background: releases and webhooks.
type jobsPage struct {
	Releases []jobRow
	More     string // address of further ones
	Mirrors  []admin.MirrorState
	Webhooks []admin.Webhook
	Operator bool
	Tested   string // the webhook that was tried a moment ago
	Result   string
}

type jobRow struct {
	From agreement.Name
	admin.Release
}

// showJobs answers: what waits, what fails, and why?
func showJobs(p *page) error { return p.showJobs("", "") }

func (p *page) showJobs(tested, result string) error {
	v := jobsPage{Operator: p.caller.Operator, Tested: tested, Result: result}
	list, err := ask[admin.AgreementList](p, "agreements/")
	if err != nil {
		return err
	}
	for _, a := range list.Agreements {
		for _, r := range a.Releases {
			v.Releases = append(v.Releases, jobRow{a.Name, r})
		}
	}
	slices.SortStableFunc(v.Releases, func(a, b jobRow) int { return cmp.Compare(b.Behind, a.Behind) })
	var next uint64
	if v.Releases, next = rowsFrom(v.Releases, p.number("from")); next > 0 {
		v.More = Prefix + "jobs/" + query("from", decimal(next))
	}
	hooks, err := ask[admin.WebhookList](p, "webhooks/")
	if err != nil {
		return err
	}
	v.Webhooks = hooks.Webhooks
	if v.Operator {
		mirrors, err := ask[admin.MirrorList](p, "mirrors/")
		if err != nil {
			return err
		}
		v.Mirrors = mirrors.Mirrors
	}
	return p.show(http.StatusOK, "jobs", "Queues and jobs", v,
		p.listCommand("webhook list", "The webhooks, and how far each has come:"),
		p.listCommand("webhook add AGREEMENT https://RECEIVER", "A new webhook, whose key is shown once:"))
}

// testWebhook sends a test message, and says what came of it.
func testWebhook(p *page) error {
	id := p.value("id")
	attempt, err := askWith[webhook.Attempt](p, http.MethodPost, "webhooks/"+url.PathEscape(id)+"/test/", nil)
	if err != nil {
		return err
	}
	result := "The receiver took it."
	if !attempt.OK() {
		result = attempt.Error
	}
	return p.showJobs(id, result)
}

func removeWebhook(p *page) error {
	if _, err := askWith[admin.Webhook](p, http.MethodPost, "webhooks/"+url.PathEscape(p.value("id"))+"/remove/", nil); err != nil {
		return err
	}
	return p.done(Prefix + "jobs/")
}
