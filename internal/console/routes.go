package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/accord-taxii/accord/internal/agreement"
)

// reach says which callers a screen is for. What an account may see on it follows from its roles in each agreement: the screen asks
// as the account, and what is refused is not there.
type reach uint8

const (
	accounts  reach = iota // every account that is logged in
	strangers              // also before logging in
	operators              // for others the screen does not exist
)

// route is one address of the console.
type route struct {
	method, path string // below Prefix
	reach        reach
	again        bool // asks for the password or a code again, unless that was a moment ago
	most         int  // bytes of the form; 0: mostForm
	do           func(*page) error
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes are all addresses but those of the built-in files.
var routes = slices.Concat(loginRoutes, analystRoutes, officerRoutes, auditorRoutes, operatorRoutes)

var loginRoutes = []route{
	{method: get, path: "login/", reach: strangers, do: showLogin},
	{method: post, path: "login/", reach: strangers, do: logIn},
	{method: get, path: "login/oidc/", reach: strangers, do: logInElsewhere},
	{method: get, path: "login/oidc/answer/", reach: strangers, do: comeBack},
	{method: get, path: "login/code/", reach: strangers, do: showCode},
	{method: post, path: "login/code/", reach: strangers, do: giveCode},
	{method: get, path: "login/enrol/", reach: strangers, do: showEnrol},
	{method: post, path: "login/enrol/", reach: strangers, do: enrolFirst},
	{method: get, path: "factor/", do: showFactor},
	{method: post, path: "factor/", again: true, do: giveFactor},
	{method: post, path: "logout/", do: logOut},
	{method: get, path: "sessions/", do: showSessions},
	{method: post, path: "sessions/end/", do: endSessions},
	{method: post, path: "theme/", do: setTheme},
	{method: get, path: "keys/", do: func(p *page) error { return p.show(http.StatusOK, "keys", "Keys", nil) }},
}

var analystRoutes = []route{
	{method: get, path: "", do: func(p *page) error { return p.done(Prefix + "overview/") }},
	{method: get, path: "overview/", do: showOverview},
	{method: get, path: "search/", do: showSearch},
	{method: get, path: "values/", do: showValues},
	{method: post, path: "values/", most: 4 << 20, do: findValues},
	{method: get, path: "objects/{id}/", do: showObject},
	{method: get, path: "objects/{id}/text/", do: downloadObject},
	{method: get, path: "objects/{id}/graph/", do: showGraph},
	{method: get, path: "pattern/", do: showPattern},
}

var officerRoutes = []route{
	{method: get, path: "agreements/", do: showAgreements},
	{method: get, path: "agreements/{name}/", do: showAgreement},
	{method: post, path: "agreements/{name}/suspend/", reach: operators, do: changeAgreement("suspend")},
	{method: post, path: "agreements/{name}/resume/", reach: operators, do: changeAgreement("resume")},
	{method: post, path: "agreements/{name}/renew/", reach: operators, again: true, do: changeAgreement("renew")},
	{method: post, path: "agreements/{name}/terminate/", reach: operators, again: true, do: changeAgreement("terminate")},
	{method: get, path: "flows/", do: showFlows},
	{method: get, path: "renewals/", do: showRenewals},
	{method: get, path: "agreements/{name}/release/{to}/", reach: operators, do: showRelease},
	{method: get, path: "queue/", reach: operators, do: showQueue},
	{method: post, path: "queue/", reach: operators, do: decide},
	{method: get, path: "jobs/", do: showJobs},
	{method: post, path: "jobs/test/", do: testWebhook},
	{method: post, path: "jobs/remove/", do: removeWebhook},
	{method: get, path: "partners/", reach: operators, do: showPartners},
	{method: get, path: "partners/{name}/", reach: operators, do: showPartner},
	{method: get, path: "try/", do: showTry},
	{method: post, path: "try/", most: 2 * mostTryText, do: tryObjects},
	{method: get, path: "agreements/{name}/refused/", do: showRefused},
	{method: get, path: "agreements/{name}/refused/{key}/", do: showRefusedText},
	{method: post, path: "agreements/{name}/refused/retry/", do: retryRefused},
}

var auditorRoutes = []route{
	{method: get, path: "agreements/{name}/history/", do: showHistory},
	{method: get, path: "agreements/{name}/objects/{id}/", do: showTimeline},
	{method: get, path: "agreements/{name}/objects/{id}/evidence/", do: downloadEvidence},
	{method: post, path: "agreements/{name}/objects/{id}/remove/", reach: operators, again: true, do: removeObject},
	{method: get, path: "agreements/{name}/deliveries/", do: showDeliveries},
	{method: get, path: "agreements/{name}/terms/", do: showTerms},
	{method: get, path: "agreements/{name}/proof/", do: showProof},
	{method: get, path: "agreements/{name}/report/", reach: operators, do: showReport},
	{method: get, path: "agreements/{name}/heads/", do: showHeads},
	{method: post, path: "agreements/{name}/heads/", do: compareHead},
}

var operatorRoutes = []route{
	{method: get, path: "status/", reach: operators, do: showStatus},
	{method: get, path: "health/", reach: operators, do: showHealth},
	{method: get, path: "servers/", reach: operators, do: showServers},
	{method: get, path: "limits/", reach: operators, do: showLimits},
	{method: get, path: "readers/", reach: operators, do: showReaders},
	{method: get, path: "accounts/", reach: operators, do: showAccounts},
	{method: get, path: "accounts/{name}/", reach: operators, do: showAccount},
	{method: post, path: "accounts/{name}/disable/", reach: operators, again: true, do: changeAccount("disable")},
	{method: post, path: "accounts/{name}/enable/", reach: operators, again: true, do: changeAccount("enable")},
	{method: post, path: "accounts/{name}/tokens/", reach: operators, again: true, do: drawToken},
	{method: post, path: "accounts/{name}/revoke/", reach: operators, again: true, do: revokeToken},
	{method: get, path: "journal/", reach: operators, do: showJournal},
}

// navGroup is a group of screens in the navigation.
type navGroup struct {
	Title string
	Items []navItem
}

type navItem struct {
	Title, Path string
	Current     bool
}

// navigation lists the screens that the account's roles have.
func (p *page) navigation() (groups []navGroup) {
	roles := p.Admin.Roles(p.caller)
	has := func(role agreement.Role) bool { return p.caller.Operator || slices.Contains(roles, role) }
	add := func(title string, items ...navItem) {
		items = slices.DeleteFunc(items, func(i navItem) bool { return i.Path == "" })
		for i := range items {
			items[i].Path = Prefix + items[i].Path
			at := p.r.URL.Path
			items[i].Current = at == items[i].Path || items[i].Path != Prefix && strings.HasPrefix(at, items[i].Path)
		}
		if len(items) > 0 {
			groups = append(groups, navGroup{title, items})
		}
	}
	only := func(is bool, title, path string) navItem {
		if !is {
			return navItem{}
		}
		return navItem{Title: title, Path: path}
	}
	add("Find", navItem{Title: "Overview", Path: "overview/"}, only(has(agreement.Consumer), "Search", "search/"),
		only(has(agreement.Consumer), "List of values", "values/"), navItem{Title: "Pattern", Path: "pattern/"})
	add("Share", navItem{Title: "Agreements", Path: "agreements/"}, navItem{Title: "Flows", Path: "flows/"}, navItem{Title: "Renewals", Path: "renewals/"},
		only(p.caller.Operator, "Queue", "queue/"), only(p.caller.Operator, "Partners", "partners/"), only(has(agreement.Producer), "Try an object", "try/"),
		only(!p.caller.Operator && has(agreement.Consumer), "Webhooks", "jobs/"))
	add("Run", only(p.caller.Operator, "Status", "status/"), only(p.caller.Operator, "Health", "health/"), only(p.caller.Operator && p.Servers != nil, "Servers", "servers/"), only(p.caller.Operator, "Readers", "readers/"), only(p.caller.Operator, "Limits", "limits/"), only(p.caller.Operator, "Queues and jobs", "jobs/"), only(p.caller.Operator, "Accounts", "accounts/"),
		only(p.caller.Operator, "Journal", "journal/"))
	return groups
}
