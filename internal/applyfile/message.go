package applyfile

// Message is an apply file on its way to the process that applies it. Passwords of accounts stay with the sender, which sends hashes;
// what this server logs in with elsewhere it has to have.
type Message struct {
	Name    string            `json:"name"`
	Text    string            `json:"text"`
	Hashes  map[string]string `json:"password_hashes,omitempty"` // by account
	Issuers map[string]string `json:"client_cas,omitempty"`      // of client certificates, in PEM form, by party
	Outside map[string]string `json:"outside,omitempty"`         // secrets and certificates for remote servers, by agreement and field
	Faults  []Problem         `json:"faults,omitempty"`          // found by the sender, those of passwords included
}

// Message makes the message of a file whose passwords are resolved.
func (f *File) Message() Message {
	return Message{Name: f.Name, Text: string(f.Text), Hashes: f.hashes(), Issuers: f.authorities(), Outside: f.externals(), Faults: f.faults}
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
