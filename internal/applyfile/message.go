package applyfile

import "github.com/accord-taxii/accord/internal/auth"

// Message is an apply file on its way to the process that applies it. Passwords of accounts stay with the sender, which sends hashes;
// what this server logs in with elsewhere it has to have.
type Message struct {
	Name    string            `json:"name"`
	Text    string            `json:"text"`
	Hashes  map[string]string `json:"password_hashes,omitempty"` // by account
	Issuers map[string]string `json:"client_cas,omitempty"`      // of client certificates, in PEM form, by party
	Outside map[string]string `json:"outside,omitempty"`         // secrets and certificates for remote servers, by agreement and field
	// Passwords, by account, are sent to a server that does not give out hashes: one that the account has already is kept.
	Passwords map[string]string `json:"passwords,omitempty"`

	Faults []Problem `json:"faults,omitempty"` // found by the sender, those of passwords included
}

// Message makes the message of a file whose passwords are resolved.
func (f *File) Message() Message {
	return Message{Name: f.Name, Text: string(f.Text), Hashes: f.hashes(), Passwords: f.passwords(), Issuers: f.authorities(), Outside: f.externals(), Faults: f.faults}
}

// File reads the file of a message. Its faults are kept for NewPlan to report.
func (m Message) File() *File {
	f := read(m.Name, []byte(m.Text))
	if len(m.Faults) > 0 {
		f.faults = m.Faults // the sender has read the text, too
	}
	f.setHashes(m.Hashes)
	f.setAuthorities(m.Issuers)
	f.setExternals(m.Outside)
	return f
}

// passwords returns the passwords that were kept, by account.
func (f *File) passwords() map[string]string {
	kept := make(map[string]string)
	for _, a := range f.accounts {
		if a.password != "" {
			kept[a.name] = a.password
		}
	}
	return kept
}

// KeepKnown puts the hashes that accounts have in the place of new ones of the same password. known returns the hash that an
// account has, "" for none.
func (m *Message) KeepKnown(known func(account string) string) {
	for name, password := range m.Passwords {
		if hash := known(name); hash != "" && m.Hashes[name] != "" && auth.VerifyPassword(hash, password) {
			m.Hashes[name] = hash
		}
	}
	m.Passwords = nil
}
