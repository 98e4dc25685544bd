package audit

import (
	"errors"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/stix"
	"github.com/accord-taxii/accord/store"
	"github.com/accord-taxii/accord/store/journal"
)

// What servers say to each other about their journals.

// VersionNamed names a version of an object. Version is "" for one that has none.
type VersionNamed struct {
	ID      string `json:"id"`
	Version string `json:"version,omitempty"`
}

// PositionsAsked asks where the journal has versions.
type PositionsAsked struct {
	Objects []VersionNamed `json:"objects"`
}

// Positions says where the journal has versions, in the order in which they were named; 0: it has none that the caller may read.
type Positions struct {
	Positions []journal.Position `json:"positions"`
}

// HeadGiven is the head of the journal into which a mirror elsewhere brings what is shared here.
type HeadGiven struct {
	Agreement agreement.Name `json:"agreement"` // its name there
	Keys      KeyList        `json:"keys"`
	Signed    string         `json:"signed"`
	Proof     Proof          `json:"proof"` // that it continues the head that is kept here; see HeadTaken
}

// HeadTaken says what became of a head that was given.
type HeadTaken struct {
	Taken bool   `json:"taken"`
	Size  uint64 `json:"size"` // entries under the head that is kept: if it was not taken, the proof has to begin with it
}

// PeerList lists what is kept of journals of other servers.
type PeerList struct {
	Peers []Peer `json:"peers"`
}

// MostNamed bounds how many versions are named in one question.
const MostNamed = 10_000

// Positions says where the journal has versions that the caller may read.
func (v *View) Positions(asked []VersionNamed) (Positions, error) {
	if len(asked) > MostNamed {
		return Positions{}, badQuery("%d versions are named, expected %d at most", len(asked), MostNamed)
	}
	if err := agreement.Permit(v.col.Agreement(), v.caller, agreement.Read, v.Now()); err != nil {
		return Positions{}, err
	}
	found := Positions{Positions: make([]journal.Position, len(asked))}
	return found, v.col.Snapshot(func(s *store.Snapshot) error {
		for i, one := range asked {
			id, err := stix.ParseID(one.ID)
			if err != nil {
				continue
			}
			versions, err := s.Versions(id)
			if err != nil {
				return err
			}
			for _, held := range versions {
				if held.Entry.Version == one.Version {
					found.Positions[i] = held.Position
				}
			}
		}
		return nil
	})
}

// Peers returns the collection whose peers the caller may see: auditors and operators.
func (v *View) Peers() (*store.Collection, error) {
	err := v.Audits("what other servers signed")
	if err == nil {
		err = v.All("what other servers signed")
	}
	return v.col, err
}

// Reads returns the collection if the caller may read it.
func (v *View) Reads() (*store.Collection, error) {
	return v.col, agreement.Permit(v.col.Agreement(), v.caller, agreement.Read, v.Now())
}

// errNoUpstream says that no server runs that could ask others.
var errNoUpstream = errors.New("no server is running that could ask the other one")
