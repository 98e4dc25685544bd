package audit

import (
	"context"

	"github.com/accord-taxii/accord/store/journal"
)

// KeyList lists the keys with which a server signs heads, and signed them earlier.
type KeyList struct {
	Name        string   `json:"name"`
	Key         string   `json:"key"`                   // verifier key of today's
	Retired     []string `json:"retired,omitempty"`     // verifier keys, oldest first
	Successions []string `json:"successions,omitempty"` // signed notes in which keys name their successors
}

// notes returns the notes of succession.
func (k KeyList) notes() [][]byte {
	var notes [][]byte
	for _, text := range k.Successions {
		notes = append(notes, []byte(text))
	}
	return notes
}

// Keys lists the keys of the server.
func (s Source) Keys() (KeyList, error) { return s.NamedKeys("") }

// NamedKeys is Keys for a server whose key bears a name; a key that is not made yet is made under it.
func (s Source) NamedKeys(name string) (KeyList, error) {
	k, err := s.Store.Keys(name)
	if err != nil {
		return KeyList{}, err
	}
	list := KeyList{Name: k.Name(), Key: k.Key()}
	for _, signed := range k.Successions() {
		key, _, err := journal.ParseSuccession(signed)
		if err != nil {
			return KeyList{}, err
		}
		list.Retired = append(list.Retired, key)
		list.Successions = append(list.Successions, string(signed))
	}
	return list, nil
}

// RotateKey retires the key and makes its successor.
func (s Source) RotateKey(ctx context.Context) (KeyList, error) {
	k, err := s.Store.Keys("")
	if err == nil {
		err = k.Rotate(ctx)
	}
	if err != nil {
		return KeyList{}, err
	}
	return s.Keys()
}
