package admin

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/accord-taxii/accord/internal/audit"
	"github.com/accord-taxii/accord/internal/index"
)

// The OpenAPI document is made from the table of routes and from the types of their bodies and answers.

// object is a JSON object of the document.
type object map[string]any

// oneOf is an answer that has one of several types.
type oneOf []any

// queryNotes describes the parameters of queries: by name, or by path and name where one path means it otherwise.
var queryNotes = map[string]object{
	"account":                        {"description": "Name of the account.", "required": true, "schema": object{"type": "string"}},
	"agreement":                      {"description": "Name of an agreement; any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"confidence":                     {"description": "Confidence of at least this.", "schema": object{"type": "integer", "minimum": 1, "maximum": 100}},
	"content":                        {"description": "Whether results carry the objects.", "schema": object{"type": "boolean", "default": false}},
	"created_by_ref":                 {"description": "Identifier of an author; any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"depth":                          {"description": "Steps.", "schema": object{"type": "integer", "minimum": 0, "maximum": index.MostDepth, "default": 1}},
	"label":                          {"description": "Any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"now":                            {"description": "Whether the server that a mirror follows is asked for its head of now.", "schema": object{"type": "boolean", "default": false}},
	"hops":                           {"description": "Most servers to ask, this one included.", "schema": object{"type": "integer", "minimum": 1, "default": audit.HopsDefault, "maximum": audit.HopsMost}},
	"next":                           {"description": "The next of the answer before, to the same question.", "schema": object{"type": "string"}},
	"q":                              {"description": "Address, range, domain, URL, hash, e-mail address, CVE id, identifier, name or words, defanged or not; any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"agreements/{name}/report/ from": {"description": "Begin at this date, or date and time.", "schema": object{"type": "string"}},
	"agreements/{name}/report/ to":   {"description": "End before this date, or date and time.", "schema": object{"type": "string"}},
	"format":                         {"description": "Form of the report.", "schema": object{"type": "string", "enum": []string{"json", "html"}, "default": "json"}},
	"search/ limit":                  {"description": "Most results.", "schema": object{"type": "integer", "minimum": 1, "default": index.DefaultLimit, "maximum": index.MostResults}},
	"rule":                           {"description": "Id of a rule, as in the list.", "schema": object{"type": "string"}},
	"since":                          {"description": "date_added at or after: RFC 3339, or a date.", "schema": object{"type": "string"}},
	"tlp":                            {"description": "TLP level; any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"type":                           {"description": "STIX type; any of those given.", "schema": object{"type": "array", "items": object{"type": "string"}}},
	"valid":                          {"description": "Only what is not revoked, and valid at this moment.", "schema": object{"type": "boolean", "default": false}},
	"after":                          {"description": "Position after which the page begins; 0 is the beginning.", "schema": object{"type": "integer", "minimum": 0, "default": 0}},
	"entry":                          {"description": "Position of an entry, from 1.", "schema": object{"type": "integer", "minimum": 1}},
	"from":                           {"description": "Entries of the earlier tree.", "schema": object{"type": "integer", "minimum": 1}},
	"limit":                          {"description": "Most rows of the page.", "schema": object{"type": "integer", "minimum": 1, "default": 1000, "maximum": 10000}},
	"object":                         {"description": "A STIX identifier.", "schema": object{"type": "string"}},
	"size":                           {"description": "Entries of the tree; the whole journal when left out.", "schema": object{"type": "integer", "minimum": 0}},
	"to":                             {"description": "Entries of the later tree; the whole journal when left out. Of a release: the name of its target; all when left out.", "schema": object{"type": "string"}},

	"agreements/{name}/deliveries/ since": {"description": "Given at this date, or date and time, or later.", "schema": object{"type": "string"}},
	"until":                               {"description": "Given before this date, or date and time.", "schema": object{"type": "string"}},
	"party":                               {"description": "Name of a party.", "schema": object{"type": "string"}},
	"figures":                             {"description": "Whether the answer says how much each agreement holds and how far its releases have come, which takes reading its file.", "schema": object{"type": "boolean", "default": true}},

	"agreements/{name}/events/ after":   {"description": "Position after which the events begin; 0 shows what is there now, and then what happens. The header Last-Event-ID beats it.", "schema": object{"type": "integer", "minimum": 0}},
	"agreements/{name}/events/ content": {"description": "Whether events of added objects carry the objects, which is a delivery.", "schema": object{"type": "boolean", "default": false}},
	"match[id]":                         {"description": "As in TAXII: identifiers, separated by commas.", "schema": object{"type": "string"}},
	"match[spec_version]":               {"description": "As in TAXII: 2.0 or 2.1.", "schema": object{"type": "string"}},
	"match[type]":                       {"description": "As in TAXII: types, separated by commas.", "schema": object{"type": "string"}},
	"match[version]":                    {"description": "As in TAXII: last, first, all or timestamps.", "schema": object{"type": "string"}},
}

// propertyNotes describes properties whose names do not say enough, by type and name.
var propertyNotes = map[string]string{
	"Error.title":            "What was wrong, and what would be right.",
	"KeyList.name":           "Name of the server.",
	"KeyList.key":            "Verifier key: name, hash and public key, joined by plus signs.",
	"KeyList.successions":    "Signed notes in which keys name their successors.",
	"Agreement.state":        "At this moment: scheduled, active, suspended, expired or terminated.",
	"Agreement.unavailable":  "Why its file cannot be opened.",
	"Agreement.releases":     "How far each release has come.",
	"RawEntries.size":        "Entries in the journal.",
	"RawEntry.bytes":         "Canonical bytes.",
	"Receipt.filter":         "What the account asked for.",
	"Receipt.way":            "How the text left: content is one version for an audit; left out for a page of TAXII.",
	"Receipt.times":          "How often it was begun.",
	"Receipt.unfinished":     "How often it was begun and not finished: the account may have received a part, or nothing.",
	"RefusedList.days":       "How long refused objects are kept; 0: they are not.",
	"RefusedList.total":      "Objects that are kept, of the rule asked for.",
	"RefusedList.bytes":      "Of their texts.",
	"RefusedList.rules":      "How many each rule refused, whatever rule was asked for.",
	"Refused.key":            "Names it in this API.",
	"Refused.object":         "Its STIX identifier as it was sent, or a placeholder.",
	"Refused.at":             "When it was refused first.",
	"Refused.until":          "How long it is kept.",
	"RefusedText.text":       "The object.",
	"retryRefused.keys":      "Those to try; or rule, or all.",
	"RetryAnswer.accepted":   "No longer kept: added, or present already.",
	"RetryAnswer.rules":      "Of those that are still refused.",
	"RetryAnswer.statuses":   "Ids of the status resources.",
	"Record.kind":            "added, deleted, withdrawn or terms; admin or head in the server's own journal.",
	"Record.at":              "Of what was added: its date_added.",
	"Record.digest":          "SHA-256, hexadecimal.",
	"Record.size":            "Bytes.",
	"Record.tlp":             "Effective marking.",
	"Record.status":          "Id of the status resource.",
	"Record.of":              "Position of what was removed.",
	"Record.before":          "Digest of the terms before.",
	"History.next":           "The after of the page that follows.",
	"History.terms":          "The terms that the entries name, by digest.",
	"Lost.polls":             "Polls that could not be noted.",
	"Consumer.positions":     "Versions given, counted each time.",
	"Consumer.newest":        "Highest position given.",
	"Consumer.behind":        "Versions added since, whatever the filter.",
	"Consumer.behind_more":   "There are more than were counted.",
	"Account.password":       "Whether it has one.",
	"Token.token":            "The token itself; only in the answer that made it.",
	"Party.identity":         "Its STIX identity.",
	"Decision.verdict":       "goes, there, waits, refused, blocked, gone or deleted.",
	"ObjectState.owner":      "The only one that adds versions and deletes; left out if the object has none.",
	"ObjectState.removed":    "Versions that are not there any more.",
	"ObjectVersion.owner":    "Of this content, where the object has no versions.",
	"ObjectVersion.released": "The agreements that releases brought it from.",
	"RemovedVersion.bars":    "What the removal keeps from adding it again: nobody, releases or everyone.",
	"ObjectRemoval.version":  "Only this one; every version when left out.",
	"ObjectRemoval.bar":      "Keeps what is removed from being added again.",
	"ObjectRemoved.removed":  "How many versions were removed.",
	"Results.total":          "Objects that were found.",
	"Results.behind":         "Entries that the index has yet to read: what they added is not found yet.",
	"Result.matches":         "Which values of q it has.",
	"Node.known":             "Whether the account can read it; else another object refers to it.",
	"Edge.by":                "The relationship or sighting.",
	"Decision.missing":       "The object that it waits for.",
	"accountChange.password": "Instead of password_hash.",
}

func (s *Service) serveOpenAPI(call) (any, error) {
	text, err := s.openAPI()
	return plain{mediaType: "application/json", body: text}, err
}

func openAPIText(routes []route) ([]byte, error) {
	return json.MarshalIndent(openAPIDocument(routes), "", " ")
}

func openAPIDocument(routes []route) object {
	schemas := schemas{}
	paths := map[string]object{}
	for _, r := range routes {
		if r.reach == local {
			continue
		}
		path := "/" + r.path
		if paths[path] == nil {
			paths[path] = object{}
			if names := pathParameters(r.path); len(names) > 0 {
				paths[path]["parameters"] = names
			}
		}
		paths[path][strings.ToLower(r.method)] = r.describe(schemas)
	}
	schemas.of(errorBody{})
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Accord, beyond TAXII", "version": "1",
			"description": "Administration and history of sharing agreements. TAXII 2.1 itself is at /taxii2/. Credentials are those of TAXII. " +
				"An agreement is hidden from accounts without a role in it (404); a role that does not allow the act is refused with 403. " +
				"Trailing slashes may be left out. An account that asks too much is answered 429 with Retry-After, here and over TAXII alike.",
		},
		"servers":  []object{{"url": strings.TrimSuffix(Prefix, "/")}},
		"security": []object{{"basic": []string{}}, {"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": schemas,
			"responses": object{"Error": object{"description": "What was wrong.",
				"content": object{"application/json": object{"schema": reference("Error")}}}},
			"securitySchemes": object{"basic": object{"type": "http", "scheme": "basic"}, "bearer": object{"type": "http", "scheme": "bearer"}},
		},
	}
}

// describe describes the route, and adds the types of its body and answer to the schemas.
func (r route) describe(schemas schemas) object {
	note := r.note
	if r.reach == operators {
		note = strings.TrimSpace("For operators. " + note)
	}
	if r.reach == managers {
		note = strings.TrimSpace("For operators, and for accounts that manage their party's: of those alone. " + note)
	}
	statuses := []string{"401", "403", "404", "429"}
	if r.method != http.MethodGet {
		statuses = append(statuses, "400", "409", "415")
	} else if len(r.query) > 0 {
		statuses = append(statuses, "400")
	}
	responses := object{"200": object{"description": r.summary + ": done.", "content": answerContent(schemas, r.answer)}}
	for _, status := range statuses {
		responses[status] = object{"$ref": "#/components/responses/Error"}
	}
	described := object{"summary": r.summary, "description": note, "responses": responses}
	var parameters []object
	for _, name := range r.query {
		parameter := object{"name": name, "in": "query"}
		notes, special := queryNotes[r.path+" "+name]
		if !special {
			notes = queryNotes[name]
		}
		for member, value := range notes {
			parameter[member] = value
		}
		parameters = append(parameters, parameter)
	}
	if parameters != nil {
		described["parameters"] = parameters
	}
	if r.body != nil {
		described["requestBody"] = object{"content": object{"application/json": object{"schema": schemas.of(r.body)}}}
	}
	return described
}

func answerContent(schemas schemas, answer any) object {
	switch answer := answer.(type) {
	case plain:
		kind, _, _ := strings.Cut(answer.mediaType, ";")
		schema := object{"type": "string"}
		if kind == "application/json" {
			schema = object{"type": "object"}
		}
		return object{kind: object{"schema": schema}}
	case oneOf:
		var either []object
		for _, one := range answer {
			either = append(either, schemas.of(one))
		}
		return object{"application/json": object{"schema": object{"oneOf": either}}}
	}
	return object{"application/json": object{"schema": schemas.of(answer)}}
}

// pathParameters describes the names in braces of a path.
func pathParameters(path string) (list []object) {
	what, _, _ := strings.Cut(path, "/")
	for _, segment := range strings.Split(path, "/") {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		note := "Name, among " + what + "."
		if name != "name" {
			note = "Its id."
		}
		list = append(list, object{"name": name, "in": "path", "required": true, "description": note, "schema": object{"type": "string"}})
	}
	return list
}
