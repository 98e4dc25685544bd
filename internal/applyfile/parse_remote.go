package applyfile

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/store"
)

// external is a text that an agreement names and that is outside the file: a secret, or a certificate. It is read by the
// process that reads the file, like the passwords of accounts.
type external struct {
	part      string // of the agreement's terms: "mirror"
	field     string // where the file names it, such as "mirror.password_env"
	what      string // secret, ca or certificate
	env, file string
	text      string // once it was read
}

// What an external is.
const (
	externalSecret      = "secret"
	externalCA          = "ca"
	externalCertificate = "certificate"
)

// mirror reads the mirror of an agreement.
func (e entry) mirror(n *yaml.Node, set **agreement.Mirror, externals *[]*external) {
	m := &agreement.Mirror{}
	keys := append(e.remote("mirror", &m.Remote, externals),
		e.at("mirror.match", func(n *yaml.Node) {
			e.mapping(n, "match", e.texts("mirror.types", func(s string) { m.Types = append(m.Types, s) }))
		}),
		e.words("mirror.gone", &m.Gone))
	if e.mapping(n, "a mirror", keys...) {
		e.needURL("mirror", m.URL)
		*set = m
	}
}

func (e entry) needURL(field, url string) {
	if _, there := e.marks[field+".url"]; !there {
		e.add(e.marks.line(field), "%s has no url", field)
		e.faulty[field+".url"] = true
	}
}

// remote returns the keys of a remote collection.
func (e entry) remote(field string, r *agreement.Remote, externals *[]*external) []key {
	outside := func(name, what, login string, env bool) key {
		return e.at(field+"."+name, func(n *yaml.Node) {
			s, ok := e.oneLine(n, name)
			if !ok {
				return
			}
			x := &external{part: field, field: field + "." + name, what: what, file: s}
			if env {
				x.file, x.env = "", s
			}
			if what == externalSecret && slices.ContainsFunc(*externals, func(x *external) bool { return x.part == field && x.what == what }) {
				e.add(n.Line, "%s has more than one secret, want one way to log in", field)
				return
			}
			if login != "" {
				r.Login = login
			}
			*externals = append(*externals, x)
		})
	}
	return []key{
		e.words(field+".url", &r.URL), e.words(field+".user", &r.User),
		outside("password_env", externalSecret, agreement.LoginPassword, true), outside("password_file", externalSecret, agreement.LoginPassword, false),
		outside("token_env", externalSecret, agreement.LoginToken, true), outside("token_file", externalSecret, agreement.LoginToken, false),
		outside("certificate", externalCertificate, "", false), outside("key", externalSecret, agreement.LoginCertificate, false),
		outside("ca", externalCA, "", false),
		e.at(field+".oauth", func(n *yaml.Node) {
			o := &agreement.OAuth{}
			if e.mapping(n, "oauth", e.words(field+".oauth.token_url", &o.TokenURL), e.words(field+".oauth.client_id", &o.ClientID), e.words(field+".oauth.scope", &o.Scope),
				outside("oauth.secret_env", externalSecret, agreement.LoginOAuth, true), outside("oauth.secret_file", externalSecret, agreement.LoginOAuth, false)) {
				r.OAuth = o
			}
		}),
		e.at(field+".interval", func(n *yaml.Node) {
			s, ok := e.oneLine(n, "interval")
			if !ok {
				return
			}
			d, err := time.ParseDuration(s)
			if err != nil || d < time.Second || d > agreement.MostInterval || d%time.Second != 0 {
				e.add(n.Line, "interval is %q here, want whole seconds such as 30s, 5m or 1h, from 1s to %v", s, agreement.MostInterval)
				return
			}
			r.Interval = agreement.Seconds(d / time.Second)
		}),
	}
}

// checkLogin reports a way to log in that is not complete.
func (e entry) checkLogin(field string, r *agreement.Remote, externals []*external) {
	has := func(what string) bool {
		return slices.ContainsFunc(externals, func(x *external) bool { return x.part == field && x.what == what })
	}
	problem := ""
	switch {
	case r.Login == agreement.LoginPassword && r.User == "":
		problem = "a password without a user"
	case r.User != "" && r.Login != agreement.LoginPassword:
		problem = "a user without password_env or password_file"
	case r.OAuth != nil && r.Login != agreement.LoginOAuth:
		problem = "oauth without secret_env or secret_file, or beside another secret"
	case has(externalCertificate) != (r.Login == agreement.LoginCertificate):
		problem = "a certificate or a key without the other, or beside another secret"
	}
	if problem != "" {
		e.add(e.marks.line(field), "%s has %s", field, problem)
	}
}

// readExternals reads what the agreements of the file name outside of it.
func (f *File) readExternals(from Passwords) {
	for i := range f.agreements {
		a := &f.agreements[i]
		for _, x := range a.externals {
			text, err := x.read(from)
			if err != nil {
				f.faults.add(a.line(x.field), "%s: %s: %v", a.called(), x.field, err)
				continue
			}
			x.text = text
		}
		f.useExternals(a)
	}
}

func (x *external) read(from Passwords) (string, error) {
	if x.env != "" {
		if text := from.Getenv(x.env); text != "" {
			return text, nil
		}
		return "", fmt.Errorf("the environment variable %s is not set, or empty", x.env)
	}
	b, err := from.ReadFile(x.file)
	if err != nil {
		return "", err
	}
	text := string(b)
	if x.what == externalSecret && !strings.HasSuffix(x.field, ".key") {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	}
	if text == "" {
		return "", fmt.Errorf("the file %s is empty", x.file)
	}
	return text, nil
}

// useExternals puts what is no secret into the terms, and reports what does not fit.
func (f *File) useExternals(a *agreementEntry) {
	secrets := map[string]string{}
	for _, x := range a.externals {
		r := a.remoteOf(x.part)
		if r == nil || x.text == "" {
			continue
		}
		switch x.what {
		case externalCA:
			r.CA = x.text
		case externalCertificate:
			r.Shown = x.text
		case externalSecret:
			secrets[x.part] = x.text
		}
	}
	for part, secret := range secrets {
		r := a.remoteOf(part)
		if r.Login != agreement.LoginCertificate || r.Shown == "" {
			continue
		}
		if _, err := tls.X509KeyPair([]byte(r.Shown), []byte(secret)); err != nil {
			f.faults.add(a.line(part+".key"), "%s: %s: certificate and key: %v", a.called(), part, err)
		}
	}
	for _, fault := range agreement.Check(a.checked()) {
		if strings.HasSuffix(fault.Field, ".ca") || strings.HasSuffix(fault.Field, ".certificate") {
			f.faults.add(a.line(fault.Field), "%s: %s: %s", a.called(), fault.Field, fault.Message)
		}
	}
}

// remoteOf returns the remote collection that a part of the terms names.
func (a *agreementEntry) remoteOf(part string) *agreement.Remote {
	switch {
	case part == "mirror" && a.Mirror != nil:
		return &a.Mirror.Remote
	case part == "push" && a.Push != nil:
		return &a.Push.Remote
	}
	return nil
}

// externals returns what was read outside the file, by agreement and field.
func (f *File) externals() map[string]string {
	texts := map[string]string{}
	for _, a := range f.agreements {
		for _, x := range a.externals {
			if x.text != "" {
				texts[string(a.Name)+" "+x.field] = x.text
			}
		}
	}
	return texts
}

// setExternals sets what externals returned in another process.
func (f *File) setExternals(texts map[string]string) {
	for i := range f.agreements {
		a := &f.agreements[i]
		for _, x := range a.externals {
			if text, ok := texts[string(a.Name)+" "+x.field]; ok && x.text == "" {
				x.text = text
			}
		}
		f.useExternals(a)
	}
}

// credentials makes the steps of the secrets for remote servers that an agreement names: one that it no longer names is dropped.
func (p *planner) credentials(e agreementEntry) {
	wanted := map[string]string{}
	for _, x := range e.externals {
		if x.what != externalSecret {
			continue
		}
		if x.text == "" && len(p.problems) == 0 {
			p.add(e.line(x.field), "%s: %s has not been read", e.called(), x.field)
		}
		if r := e.remoteOf(x.part); r != nil {
			wanted[store.CredentialName(e.Name, x.part, r.URL)] = x.text
		}
	}
	list := slices.Clone(p.secrets)
	var changes []string
	list = slices.DeleteFunc(list, func(c store.Credential) bool {
		_, keep := wanted[c.Name]
		if c.Agreement == e.Name && !keep {
			changes = append(changes, "secret dropped")
			return true
		}
		return false
	})
	for name, secret := range wanted {
		i := slices.IndexFunc(list, func(c store.Credential) bool { return c.Name == name })
		switch {
		case i < 0:
			list = append(list, store.Credential{Name: name, Agreement: e.Name, Secret: secret})
		case list[i].Secret != secret:
			list[i].Secret = secret
		default:
			continue
		}
		changes = append(changes, "secret")
	}
	if len(changes) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b store.Credential) int { return strings.Compare(a.Name, b.Name) })
	p.secrets = list
	p.step("credentials", string(e.Name), true, changes, func(st *Step) {
		st.Registry = &store.RegistryChange{Credentials: &list, Reason: string(e.Name)}
	})
}
