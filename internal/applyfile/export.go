package applyfile

import (
	"bytes"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
)

// Export writes an agreement as an apply file that changes nothing where the agreement is as it was. What an apply file must not
// hold, the logins at other servers, is left out; remote returns the collection of another server that a release goes to, if it
// does.
func Export(a *agreement.Agreement, remote func(agreement.Name) *agreement.Push) ([]byte, error) {
	doc := mapping{}
	doc.add("agreements", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{exported(a.Canonical(), remote)}})
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc.node(0)); err != nil {
		return nil, fmt.Errorf("export %s: %w", a.Name, err)
	}
	return b.Bytes(), nil
}

// mapping collects the members of a YAML mapping in order.
type mapping struct{ content []*yaml.Node }

func (m *mapping) node(style yaml.Style) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Style: style, Content: m.content}
}

func (m *mapping) add(name string, value *yaml.Node) {
	m.content = append(m.content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
}

// text adds a text, unless it is empty or the default.
func (m *mapping) text(name, value, standard string) {
	if value != "" && value != standard {
		n := &yaml.Node{}
		n.SetString(value)
		m.add(name, n)
	}
}

func (m *mapping) flag(name string, value bool) {
	if value {
		m.add(name, &yaml.Node{Kind: yaml.ScalarNode, Value: "true"})
	}
}

func (m *mapping) texts(name string, values []string) {
	if values == nil {
		return
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, value := range values {
		n := &yaml.Node{}
		n.SetString(value)
		list.Content = append(list.Content, n)
	}
	m.add(name, list)
}

// member adds a mapping, unless it is empty.
func (m *mapping) member(name string, value mapping) {
	if len(value.content) > 0 {
		m.add(name, value.node(yaml.FlowStyle))
	}
}

// days adds a number of days as the apply file has it.
func (m *mapping) days(name string, n int) {
	if n > 0 {
		m.text(name, strconv.Itoa(n)+"d", "")
	}
}

func exported(a *agreement.Agreement, remote func(agreement.Name) *agreement.Push) *yaml.Node {
	var m, collection, term, retention mapping
	m.text("name", string(a.Name), "")
	m.text("title", a.Title, "")
	m.text("description", a.Description, "")
	m.text("api_root", a.APIRoot, "")
	collection.text("id", a.Collection.ID.String(), "")
	collection.text("alias", a.Collection.Alias, "")
	m.member("collection", collection)
	parties := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range a.Parties {
		var one mapping
		one.text("party", string(p.Party), "")
		roles := []string{}
		for _, r := range p.Roles {
			roles = append(roles, string(r))
		}
		one.texts("roles", roles)
		one.flag("anonymous", p.Anonymous)
		parties.Content = append(parties.Content, one.node(yaml.FlowStyle))
	}
	m.add("parties", parties)
	m.text("members", a.Members, agreement.MembersConfidential)
	m.text("origins", a.Origins, agreement.OriginsHidden)
	if !a.Term.From.IsZero() {
		term.text("from", agreement.FormatDate(a.Term.From), "")
	}
	if !a.Term.Until.IsZero() {
		term.text("until", agreement.FormatDate(a.Term.Until), "")
	}
	m.member("term", term)
	if w := a.Wording; w != nil {
		var words mapping
		words.text("text", w.Text, "")
		words.text("sha256", w.SHA256, "")
		words.text("licence", w.Licence, "")
		m.member("terms", words)
	}
	m.member("accept", exportedAccept(a.Accept))
	if len(a.Release) > 0 {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, r := range a.Release {
			one := exportedRelease(r, remote(r.To))
			list.Content = append(list.Content, one.node(yaml.FlowStyle))
		}
		m.add("release", list)
	}
	if mirror := a.Mirror; mirror != nil {
		one := exportedRemote(mirror.Remote)
		if len(mirror.Types) > 0 {
			var match mapping
			match.texts("types", mirror.Types)
			one.member("match", match)
		}
		one.text("gone", mirror.Gone, agreement.GoneKeep)
		m.member("mirror", one)
	}
	if a.Retention.Versions > 0 {
		retention.add("versions", &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(a.Retention.Versions)})
	}
	retention.days("max_age", a.Retention.MaxAgeDays)
	m.member("retention", retention)
	m.flag("public", a.Public)
	return m.node(0)
}

// exportedRemote is a collection of another server without the login there.
func exportedRemote(r agreement.Remote) (m mapping) {
	m.text("url", r.URL, "")
	m.text("user", r.User, "")
	if r.Interval > 0 {
		m.text("interval", agreement.Span(r.Interval.Duration()).String(), "")
	}
	return m
}

func exportedAccept(a agreement.Accept) (m mapping) {
	m.texts("types", a.Types)
	if len(a.SpecVersions) != 1 || a.SpecVersions[0] != "2.1" {
		m.texts("spec_versions", a.SpecVersions)
	}
	if a.MaxTLP != 0 {
		m.text("max_tlp", a.MaxTLP.String(), "")
	}
	if a.DefaultTLP != 0 {
		m.text("default_tlp", a.DefaultTLP.String(), "")
	}
	if a.MaxPAP != 0 {
		m.text("max_pap", a.MaxPAP.String(), "")
	}
	m.flag("require_marking", a.RequireMarking)
	m.text("warnings", a.Warnings, agreement.WarningsAccept)
	m.text("created_by", a.CreatedBy, agreement.CreatedByAny)
	m.text("future_modified", a.FutureModified, agreement.FutureReject)
	m.text("versions", a.Versions, agreement.VersionsOwner)
	m.flag("relay", a.Relay)
	m.text("corrections", a.Corrections, agreement.CorrectionsRefuse)
	m.text("consent", string(a.Consent), "")
	m.member("markings", exportedMarkings(a.Markings))
	m.texts("tolerate", a.Tolerate)
	m.days("keep_refused", a.KeepRefusedDays)
	return m
}

func exportedMarkings(markings *agreement.Markings) (m mapping) {
	if markings.String() != "" {
		m.texts("carry", append([]string{}, markings.Carry...))
	}
	return m
}

func exportedRelease(r agreement.Release, push *agreement.Push) (m mapping) {
	if push != nil {
		m.member("to", exportedRemote(push.Remote))
	} else {
		m.text("to", string(r.To), "")
	}
	if r.MaxTLP != 0 {
		m.text("max_tlp", r.MaxTLP.String(), "")
	}
	m.texts("types", r.Types)
	if r.MaxPAP != 0 {
		m.text("max_pap", r.MaxPAP.String(), "")
	}
	m.member("markings", exportedMarkings(r.Markings))
	m.text("references", r.References, agreement.ReferencesWith)
	if w := r.Where; w != nil {
		var where mapping
		where.texts("labels", w.Labels)
		if w.Confidence != nil {
			var confidence mapping
			confidence.add("min", &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.Itoa(w.Confidence.Min)})
			where.member("confidence", confidence)
		}
		where.flag("valid", w.Valid)
		m.member("where", where)
	}
	if ch := r.Change; ch != nil {
		var change mapping
		change.text("author", ch.Author, "")
		change.texts("remove", ch.Remove)
		if ch.Markings != nil {
			var raise mapping
			raise.text("raise_to", ch.Markings.To.String(), "")
			change.member("markings", raise)
		}
		m.member("change", change)
	}
	if r.After > 0 {
		m.text("after", r.After.String(), "")
	}
	if !r.NotBefore.IsZero() {
		m.text("not_before", agreement.FormatDate(r.NotBefore), "")
	}
	m.text("hold", r.Hold, "")
	if e := r.Expire; e != nil {
		var expire mapping
		expire.text("valid_until", e.ValidUntil, "")
		if e.Grace > 0 {
			expire.text("grace", e.Grace.String(), "")
		}
		m.member("expire", expire)
	}
	if f := r.Feedback; f != nil {
		var feedback mapping
		feedback.texts("types", f.Types)
		feedback.text("as", f.As, "")
		m.member("feedback", feedback)
	}
	return m
}
