package applyfile

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var updateReference = flag.Bool("update-reference", false, "write doc/apply-file.md")

// A row of the reference: a key by its path, what it takes, what it means, and an example, which is the key with whatever it needs beside
// it. [] stands for each item of a list.
type referenceRow struct{ path, takes, says, example string }

// reference has every key of an apply file. A path that ends in a mapping is described by the rows below it.
var reference = []referenceRow{
	{"server", "mapping", "what the discovery resource says of the server", ""},
	{"server.title", "text", "its title", "title: Example exchange"},
	{"server.description", "text", "what it is for", "description: Indicators of the programme"},
	{"server.contact", "text", "whom to ask", "contact: cti@exchange.example"},

	{"api_roots", "list", "API roots: groups of collections with an address", ""},
	{"api_roots[].name", "name", "its address is `/NAME/`; needed", "name: nicp"},
	{"api_roots[].title", "text", "its title; the name, if left out", "title: Industry partnership"},
	{"api_roots[].description", "text", "what it is for", "description: For vendors"},
	{"api_roots[].max_content_length", "bytes", "the longest body of a request; 104857600, if left out", "max_content_length: 20000000"},
	{"api_roots[].default_page", "number", "objects in a page without `limit`; that of the server, if left out", "default_page: 500"},
	{"api_roots[].max_page_objects", "number", "objects in a page at most", "max_page_objects: 5000"},
	{"api_roots[].list_ended", "days", "how long a collection that ended for an account stays in its list", "list_ended: 30d"},
	{"api_roots[].reveal", "true or false", "answers 403 for a collection without a role, too, where 404 hides it", "reveal: true"},

	{"parties", "list", "organisations", ""},
	{"parties[].name", "name", "by which agreements and accounts name it; needed", "name: vendor"},
	{"parties[].title", "text", "its title; the name, if left out", "title: Vendor Ltd"},
	{"parties[].identity", "STIX id", "its identity: it may add objects that name this one as their creator, and no other party may", `identity: "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"`},
	{"parties[].client_ca", "file", "issuers of its accounts' client certificates, PEM", "client_ca: vendor-ca.pem"},

	{"accounts", "list", "logins", ""},
	{"accounts[].name", "name", "its login; needed", "name: feed"},
	{"accounts[].party", "name", "the party that it belongs to; needed, unless it is an operator", "party: vendor"},
	{"accounts[].operator", "true or false", "it administers and audits everything", "operator: true"},
	{"accounts[].manager", "true or false", "it manages the accounts of its party, and nothing else", "manager: true"},
	{"accounts[].disabled", "true or false", "it cannot be used", "disabled: true"},
	{"accounts[].password_env", "variable", "the environment variable with its password, read by `accord apply`", "password_env: FEED_PW"},
	{"accounts[].password_file", "file", "a file with its password, beside the apply file", "password_file: feed.pw"},
	{"accounts[].password_hash", "argon2id", "a hash of its password", `password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$WgJ5rS8PuvwCcTn0iZ0uUBvs/cU9nEGcd2a+u4Vdf4Y"`},
	{"accounts[].password", "`managed here`", "it has a password that is changed by command alone; `accord apply` leaves it", "password: managed here"},
	{"accounts[].certificates", "list of names", "client certificates that log it in ([operations](operations.md#tls))", `certificates: ["dns:feed.vendor.example issuer:CN=Vendor CA"]`},
	{"accounts[].require", "`both`", "each request needs a password or token and a client certificate", "require: both, password_file: feed.pw, certificates: [\"dns:feed.example issuer:CN=CA\"]"},
	{"accounts[].networks", "list of addresses", "it may be used from there alone", "networks: [192.0.2.0/24]"},
	{"accounts[].expires", "date", "it cannot be used from then on", "expires: 2027-12-31"},
	{"accounts[].oidc", "mapping", "who it is to another issuer ([operations](operations.md#other-issuers))", ""},
	{"accounts[].oidc.issuer", "URL", "the issuer; https, or http for a loopback address", `oidc: {issuer: "https://id.example/realm", subject: 0f3c}`},
	{"accounts[].oidc.subject", "text", "`sub` of its tokens", `oidc: {issuer: "https://id.example/realm", subject: 0f3c}`},
	{"accounts[].oidc.client_id", "text", "its tokens must have this `client_id`, too", `oidc: {issuer: "https://id.example/realm", subject: 0f3c, client_id: siem}`},
	{"accounts[].oidc.scope", "text", "its tokens must have this scope, too", `oidc: {issuer: "https://id.example/realm", subject: 0f3c, scope: taxii}`},
	{"accounts[].oidc.claim", "mapping", "instead of `subject`: all people with this claim share the account, which reads and audits at most", ""},
	{"accounts[].oidc.claim.name", "text", "the claim", `oidc: {issuer: "https://id.example/realm", claim: {name: groups, value: cti}}`},
	{"accounts[].oidc.claim.value", "text", "the value that it has, or has among others", `oidc: {issuer: "https://id.example/realm", claim: {name: groups, value: cti}}`},
	{"accounts[].default_page", "number", "objects in a page without `limit`", "default_page: 100"},
	{"accounts[].max_page_objects", "number", "objects in a page at most", "max_page_objects: 1000"},
	{"accounts[].empty", "`object` or `list`", "what an empty page is: `{}`, as the Standard says, or `{\"objects\": []}` for a client that fails on it", "empty: list"},

	{"agreements", "list", "sharing agreements, each with a collection of its own ([agreements](agreements.md))", ""},
	{"agreements[].name", "name", "by which commands and releases name it; needed", "name: gsp"},
	{"agreements[].title", "text", "title of it and its collection; the name, if left out", "title: Government programme"},
	{"agreements[].description", "text", "description of its collection", "description: Indicators for the agency"},
	{"agreements[].api_root", "name", "the API root that its collection is in; needed", "api_root: nicp"},
	{"agreements[].collection", "mapping", "its collection", ""},
	{"agreements[].collection.id", "UUIDv4", "its id; drawn once and kept, if left out", `collection: {id: "91a7b528-80eb-42ed-a74d-c6fbd5a26116"}`},
	{"agreements[].collection.alias", "name", "another address of it (TAXII 2.1, section 5.2.1)", "collection: {alias: gsp}"},
	{"agreements[].parties", "list", "who takes part", ""},
	{"agreements[].parties[].party", "name", "a party", "parties: [{party: vendor, roles: [producer]}]"},
	{"agreements[].parties[].roles", "list of `producer`, `consumer`, `auditor`", "may add; may read; may read history and deliveries. A producer that is a consumer may delete what it added", "parties: [{party: vendor, roles: [producer, consumer]}]"},
	{"agreements[].parties[].anonymous", "true or false", "it asks not to be named as a source", "parties: [{party: vendor, roles: [producer], anonymous: true}]"},
	{"agreements[].members", "`confidential` or `visible`", "whether parties see who else takes part; confidential, if left out", "members: visible"},
	{"agreements[].origins", "`hidden` or `visible`", "whether receivers may trace where an object came from; hidden, if left out", "origins: visible"},
	{"agreements[].public", "true or false", "read without an account: for TLP:CLEAR alone", "public: true, accept: {max_tlp: clear, default_tlp: clear}"},
	{"agreements[].term", "mapping", "how long it runs", ""},
	{"agreements[].term.from", "date", "its beginning; at once, if left out", "term: {from: 2026-01-01}"},
	{"agreements[].term.until", "date", "its end; none, if left out", "term: {from: 2026-01-01, until: 2029-01-01}"},
	{"agreements[].terms", "mapping", "what the parties agreed to in words", ""},
	{"agreements[].terms.text", "text", "the text, up to 64 KiB", `terms: {text: "For the defence of one's own networks."}`},
	{"agreements[].terms.sha256", "hexadecimal", "or the digest of one that is kept elsewhere", "terms: {sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855}"},
	{"agreements[].terms.licence", "text", "under which licence objects are given", `terms: {text: "For defence.", licence: CC-BY-4.0}`},

	{"agreements[].accept", "mapping", "what may be shared; others are refused, with a rule", ""},
	{"agreements[].accept.types", "list of types", "types of objects; all, if left out or empty", "accept: {types: [indicator, malware]}"},
	{"agreements[].accept.spec_versions", "list of `2.0`, `2.1`", "versions of STIX; 2.1, if left out", "accept: {spec_versions: ['2.0', '2.1']}"},
	{"agreements[].accept.max_tlp", "TLP", "the highest marking", "accept: {max_tlp: amber}"},
	{"agreements[].accept.default_tlp", "TLP", "what an object without a marking counts as", "accept: {default_tlp: green}"},
	{"agreements[].accept.require_marking", "true or false", "an object without a marking is refused", "accept: {require_marking: true}"},
	{"agreements[].accept.max_pap", "PAP", "the highest PAP marking", "accept: {max_pap: amber}"},
	{"agreements[].accept.markings", "mapping", "other markings that are understood", ""},
	{"agreements[].accept.markings.carry", "list", "kinds or ids of markings; `[statement]`, if left out", "accept: {markings: {carry: [statement, acs]}}"},
	{"agreements[].accept.warnings", "`accept` or `reject`", "whether objects with warnings are taken; accepted, if left out", "accept: {warnings: reject}"},
	{"agreements[].accept.created_by", "`any` or `party`", "`party`: producers add objects of their own identity alone", "accept: {created_by: party}"},
	{"agreements[].accept.future_modified", "`reject` or `warn`", "what becomes of a version that is dated more than a day ahead; rejected, if left out", "accept: {future_modified: warn}"},
	{"agreements[].accept.tolerate", "list of rules", "rules of STIX that may be broken ([rules](rules.md))", "accept: {tolerate: [S-025]}"},
	{"agreements[].accept.keep_refused", "days", "how long refused objects are kept for their sender; not at all, if left out", "accept: {keep_refused: 30d}"},
	{"agreements[].accept.versions", "`owner` or `any`", "who may add versions of an object; its owner, if left out", "accept: {versions: any}"},
	{"agreements[].accept.relay", "true or false", "producers may add objects that another party created", "accept: {relay: true}"},
	{"agreements[].accept.corrections", "`refuse` or `accept`", "whether an owner may add other content under a version that is there; refused, if left out", "accept: {corrections: accept}"},
	{"agreements[].accept.consent", "`everyone`, `members` or `none`", "who may learn the author of an object that does not say; everyone, if left out", "accept: {consent: members}"},

	{"agreements[].release", "list", "what is passed on, and to where ([releases](agreements.md#how-a-release-decides))", ""},
	{"agreements[].release[].to", "name, or mapping", "the agreement that it goes to, or a collection of another server ([push](push.md)); needed", "release: [{to: members}]"},
	{"agreements[].release[].to.url", "URL", "the collection; https, or http on this machine", `release: [{to: {url: "https://hub.example/r/collections/c/"}}]`},
	{"agreements[].release[].to.user", "text", "for HTTP Basic", `release: [{to: {url: "https://hub.example/r/collections/c/", user: us, password_env: HUB_PW}}]`},
	{"agreements[].release[].to.password_env", "variable", "its password", `release: [{to: {url: "https://hub.example/r/collections/c/", user: us, password_env: HUB_PW}}]`},
	{"agreements[].release[].to.password_file", "file", "its password", `release: [{to: {url: "https://hub.example/r/collections/c/", user: us, password_file: hub.pw}}]`},
	{"agreements[].release[].to.token_env", "variable", "a token, for `Authorization: Bearer`", `release: [{to: {url: "https://hub.example/r/collections/c/", token_env: HUB_TOKEN}}]`},
	{"agreements[].release[].to.token_file", "file", "a token", `release: [{to: {url: "https://hub.example/r/collections/c/", token_file: hub.token}}]`},
	{"agreements[].release[].to.certificate", "file", "a client certificate, PEM", `release: [{to: {url: "https://hub.example/r/collections/c/", certificate: us.crt, key: us.key}}]`},
	{"agreements[].release[].to.key", "file", "its key", `release: [{to: {url: "https://hub.example/r/collections/c/", certificate: us.crt, key: us.key}}]`},
	{"agreements[].release[].to.ca", "file", "issuers of the server's certificate, beside the system's", `release: [{to: {url: "https://hub.example/r/collections/c/", ca: hub-ca.pem}}]`},
	{"agreements[].release[].to.oauth", "mapping", "OAuth2 client credentials", ""},
	{"agreements[].release[].to.oauth.token_url", "URL", "where tokens are given", `release: [{to: {url: "https://hub.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: HUB_SECRET}}}]`},
	{"agreements[].release[].to.oauth.client_id", "text", "the client", `release: [{to: {url: "https://hub.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: HUB_SECRET}}}]`},
	{"agreements[].release[].to.oauth.scope", "text", "what is asked for", `release: [{to: {url: "https://hub.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, scope: taxii, secret_env: HUB_SECRET}}}]`},
	{"agreements[].release[].to.oauth.secret_env", "variable", "its secret", `release: [{to: {url: "https://hub.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: HUB_SECRET}}}]`},
	{"agreements[].release[].to.oauth.secret_file", "file", "its secret", `release: [{to: {url: "https://hub.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_file: hub.secret}}}]`},
	{"agreements[].release[].to.interval", "time", "how often the server is asked whether it has what was pushed", `release: [{to: {url: "https://hub.example/r/collections/c/", interval: 30s}}]`},
	{"agreements[].release[].max_tlp", "TLP", "the highest marking that goes", "release: [{to: members, max_tlp: green}]"},
	{"agreements[].release[].types", "list of types", "types that go; all, if left out or empty", "release: [{to: members, types: [indicator]}]"},
	{"agreements[].release[].max_pap", "PAP", "the highest PAP marking that goes", "release: [{to: members, max_pap: green}]"},
	{"agreements[].release[].markings", "mapping", "other markings that may go", ""},
	{"agreements[].release[].markings.carry", "list", "kinds or ids of markings", "release: [{to: members, markings: {carry: [statement]}}]"},
	{"agreements[].release[].references", "`with` or `cut`", "an object goes with what it refers to, or without references to what stays; with, if left out", "release: [{to: members, references: cut}]"},
	{"agreements[].release[].where", "mapping", "conditions on the object", ""},
	{"agreements[].release[].where.labels", "list", "it has one of these labels", "release: [{to: members, where: {labels: [apt, crime]}}]"},
	{"agreements[].release[].where.confidence", "mapping", "bounds of its confidence", ""},
	{"agreements[].release[].where.confidence.min", "number", "at least that", "release: [{to: members, where: {confidence: {min: 60}}}]"},
	{"agreements[].release[].where.valid", "true or false", "it is neither revoked nor out of date", "release: [{to: members, where: {valid: true}}]"},
	{"agreements[].release[].change", "mapping", "how the copy that goes differs", ""},
	{"agreements[].release[].change.author", "`keep`, `remove` or `agreement`", "its author stays, goes, or becomes the agreement; needed", "release: [{to: members, change: {author: remove}}]"},
	{"agreements[].release[].change.remove", "list", "properties and JSON pointers that go", "release: [{to: members, change: {author: keep, remove: [x_case, /external_references]}}]"},
	{"agreements[].release[].change.markings", "mapping", "its markings", ""},
	{"agreements[].release[].change.markings.raise_to", "TLP", "its marking becomes at least this", "release: [{to: members, change: {author: keep, markings: {raise_to: amber}}}]"},
	{"agreements[].release[].after", "time", "an embargo, from each version's `date_added` on", "release: [{to: members, after: 72h}]"},
	{"agreements[].release[].not_before", "date", "nothing goes before", "release: [{to: members, not_before: 2026-07-01}]"},
	{"agreements[].release[].hold", "`approve` or `approve-2`", "each version waits for the approval of one account, or of two", "release: [{to: members, hold: approve-2}]"},
	{"agreements[].release[].expire", "mapping", "what becomes of objects that are out of date", ""},
	{"agreements[].release[].expire.valid_until", "`withdraw` or `revoke`", "once `valid_until` has passed, it is withdrawn, or a revoked version added", "release: [{to: members, expire: {valid_until: withdraw}}]"},
	{"agreements[].release[].expire.grace", "time", "so much later", "release: [{to: members, expire: {valid_until: withdraw, grace: 7d}}]"},
	{"agreements[].release[].feedback", "mapping", "what comes back about what was released", ""},
	{"agreements[].release[].feedback.types", "list of `sighting`, `opinion`, `note`", "all three, if left out", "release: [{to: members, feedback: {types: [sighting]}}]"},
	{"agreements[].release[].feedback.as", "`party`, `agreement` or `anonymous`", "in whose name; the party's, if left out", "release: [{to: members, feedback: {as: anonymous}}]"},

	{"agreements[].retention", "mapping", "how long objects are kept; for ever, if left out", ""},
	{"agreements[].retention.versions", "number", "newest versions of each object that are kept", "retention: {versions: 10}"},
	{"agreements[].retention.max_age", "days", "how long a version is kept", "retention: {max_age: 90d}"},

	{"agreements[].mirror", "mapping", "a collection of another server that is copied ([mirror](mirror.md))", ""},
	{"agreements[].mirror.url", "URL", "the collection; https, or http on this machine; needed", `mirror: {url: "https://ti.example/r/collections/c/"}`},
	{"agreements[].mirror.user", "text", "for HTTP Basic", `mirror: {url: "https://ti.example/r/collections/c/", user: us, password_env: TI_PW}`},
	{"agreements[].mirror.password_env", "variable", "its password", `mirror: {url: "https://ti.example/r/collections/c/", user: us, password_env: TI_PW}`},
	{"agreements[].mirror.password_file", "file", "its password", `mirror: {url: "https://ti.example/r/collections/c/", user: us, password_file: ti.pw}`},
	{"agreements[].mirror.token_env", "variable", "a token, for `Authorization: Bearer`", `mirror: {url: "https://ti.example/r/collections/c/", token_env: TI_TOKEN}`},
	{"agreements[].mirror.token_file", "file", "a token", `mirror: {url: "https://ti.example/r/collections/c/", token_file: ti.token}`},
	{"agreements[].mirror.certificate", "file", "a client certificate, PEM", `mirror: {url: "https://ti.example/r/collections/c/", certificate: us.crt, key: us.key}`},
	{"agreements[].mirror.key", "file", "its key", `mirror: {url: "https://ti.example/r/collections/c/", certificate: us.crt, key: us.key}`},
	{"agreements[].mirror.ca", "file", "issuers of the server's certificate, beside the system's", `mirror: {url: "https://ti.example/r/collections/c/", ca: ti-ca.pem}`},
	{"agreements[].mirror.oauth", "mapping", "OAuth2 client credentials", ""},
	{"agreements[].mirror.oauth.token_url", "URL", "where tokens are given", `mirror: {url: "https://ti.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: TI_SECRET}}`},
	{"agreements[].mirror.oauth.client_id", "text", "the client", `mirror: {url: "https://ti.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: TI_SECRET}}`},
	{"agreements[].mirror.oauth.scope", "text", "what is asked for", `mirror: {url: "https://ti.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, scope: taxii, secret_env: TI_SECRET}}`},
	{"agreements[].mirror.oauth.secret_env", "variable", "its secret", `mirror: {url: "https://ti.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_env: TI_SECRET}}`},
	{"agreements[].mirror.oauth.secret_file", "file", "its secret", `mirror: {url: "https://ti.example/r/collections/c/", oauth: {token_url: "https://id.example/token", client_id: us, secret_file: ti.secret}}`},
	{"agreements[].mirror.interval", "time", "how often it is visited, from 1s; 5m, if left out", `mirror: {url: "https://ti.example/r/collections/c/", interval: 1m}`},
	{"agreements[].mirror.match", "mapping", "what is asked for", ""},
	{"agreements[].mirror.match.types", "list of types", "types of objects; all, if left out", `mirror: {url: "https://ti.example/r/collections/c/", match: {types: [indicator]}}`},
	{"agreements[].mirror.gone", "`keep` or `withdraw`", "whether what is deleted there stays here; kept, if left out", `mirror: {url: "https://ti.example/r/collections/c/", gone: withdraw}`},
}

// contexts are entries around an example: what it needs beside it, unless it says so itself.
var contexts = []struct{ section, before, needs, after string }{
	{"server", "server: {", "", "}"},
	{"api_roots[]", "api_roots: [{", "name: nicp", "}]"},
	{"parties[]", "parties: [{", "name: vendor", "}]"},
	{"accounts[]", "parties: [{name: vendor}]\naccounts: [{", "name: feed, party: vendor", "}]"},
	{"agreements[]", "api_roots: [{name: nicp}]\nparties: [{name: vendor}]\nagreements: [{name: members, api_root: nicp}, {", "name: gsp, api_root: nicp", "}]"},
}

// wholeOf is an apply file around an example.
func wholeOf(t *testing.T, path, example string) string {
	t.Helper()
	for _, c := range contexts {
		if !strings.HasPrefix(path, c.section) {
			continue
		}
		parts := []string{example}
		for need := range strings.SplitSeq(c.needs, ", ") {
			name, _, _ := strings.Cut(need, ":")
			if need != "" && !strings.HasPrefix(example, name+":") && !(name == "party" && (strings.HasPrefix(example, "operator:"))) {
				parts = append(parts, need)
			}
		}
		return c.before + strings.Join(parts, ", ") + c.after + "\n"
	}
	t.Fatalf("%s is in no section", path)
	return ""
}

// Every example of the reference is read without a fault.
func TestEveryExampleOfTheReferenceIsRead(t *testing.T) {
	for _, r := range reference {
		below := slices.ContainsFunc(reference, func(o referenceRow) bool {
			return strings.HasPrefix(o.path, r.path+".") || strings.HasPrefix(o.path, r.path+"[].")
		})
		if r.example == "" && !below || r.example != "" && (r.takes == "mapping" || r.takes == "list" && below) {
			t.Errorf("%s: it has the example %q", r.path, r.example)
		}
		if r.example == "" {
			continue
		}
		if key := r.path[strings.LastIndexAny(r.path, ".")+1:]; !strings.Contains(r.example, key+":") {
			t.Errorf("%s: its example does not have it: %s", r.path, r.example)
		}
		if _, err := Parse("example", []byte(wholeOf(t, r.path, r.example))); err != nil {
			t.Errorf("%s: %v", r.path, err)
		}
	}
}

var knownKeys = regexp.MustCompile(`unknown key "zzz" in .*, known are (.*)`)

// keysAt returns the keys of the mapping at a path, nil if there is none: an unknown key in it is told of with the known ones.
func keysAt(path string) []string {
	text := "{zzz: 1}"
	parts := strings.Split(path, ".")
	for i := len(parts) - 1; i >= 0 && path != ""; i-- {
		name, isList := strings.CutSuffix(parts[i], "[]")
		if isList {
			text = "[" + text + "]"
		}
		text = "{" + name + ": " + text + "}"
	}
	_, err := Parse("f", []byte(text))
	if err == nil {
		return nil
	}
	if m := knownKeys.FindStringSubmatch(err.Error()); m != nil {
		return strings.Split(m[1], ", ")
	}
	return nil
}

// The reference has every key that the parser knows, and no other.
func TestTheReferenceHasEveryKey(t *testing.T) {
	known := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		for _, name := range keysAt(path) {
			at := strings.TrimPrefix(path+"."+name, ".")
			known[at] = true
			visit(at)
			if keysAt(at+"[]") != nil {
				visit(at + "[]")
			}
		}
	}
	visit("")
	for _, r := range reference {
		if !known[r.path] {
			t.Errorf("%s is in the reference, and the parser does not know it", r.path)
		}
		delete(known, r.path)
	}
	for path := range known {
		t.Errorf("%s is not in the reference", path)
	}
}

// doc/apply-file.md is made of the table: go test ./internal/applyfile -run Reference -update-reference.
func TestTheReferenceIsWritten(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# The apply file

Every key of the file that ` + "`accord apply -f FILE`" + ` reads, with an example. Keys are indented under those that they belong to; [agreements.md](agreements.md) says
what the terms mean together. An unknown key is an error with its line. What is left out is not restricted, and what a file does not mention stays as
it is. Names have letters, digits, hyphens and underscores. Dates are days (` + "`2026-01-01`" + `) or moments (` + "`2026-01-01T12:00:00Z`" + `);
times are such as ` + "`30s`, `72h`, `7d`" + `; a TLP is one of clear, green, amber, amber+strict, red; files are found beside the apply file.

This page is made from a table that the parser is tested with (` + "`go test ./internal/applyfile -run Reference -update-reference`" + `).
`)
	for _, r := range reference {
		path := strings.ReplaceAll(r.path, "[]", "")
		section := sectionOf(path)
		if path == section {
			fmt.Fprintf(&b, "\n## `%s`\n\n%s.\n\n| key | takes | says | example |\n| --- | --- | --- | --- |\n", section, strings.ToUpper(r.says[:1])+r.says[1:])
			continue
		}
		example := ""
		if r.example != "" {
			example = "`" + r.example + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", strings.TrimPrefix(path, section+"."), r.takes, r.says, example)
	}
	const name = "../../doc/apply-file.md"
	if *updateReference {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the table says (%v): run with -update-reference", name, err)
	}
}

// sections are the headings of the page: the most particular one has a key.
var sections = []string{"agreements.accept", "agreements.release", "agreements.retention", "agreements.mirror", "server", "api_roots", "parties", "accounts", "agreements"}

func sectionOf(path string) string {
	i := slices.IndexFunc(sections, func(s string) bool { return path == s || strings.HasPrefix(path, s+".") })
	return sections[max(i, 0)]
}
