package store

import (
	"context"

	"github.com/google/uuid"

	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/auth"
)

// Server is how the server describes itself in discovery (TAXII 2.1, section 4.1.1).
type Server struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Contact     string `json:"contact,omitempty"`
}

// Root is an API root (TAXII 2.1, section 4.2.1), at /Name/.
type Root struct {
	Name             string `json:"name"`
	Title            string `json:"title"`
	Description      string `json:"description,omitempty"`
	MaxContentLength int64  `json:"max_content_length"`
	Reveal           bool   `json:"reveal,omitempty"` // 403 instead of 404 for who has no role
}

// Registry is what accord.db holds, at one moment. It is shared: nobody changes it. It is an auth.Directory.
type Registry struct {
	Server     Server
	Roots      []Root            // by name
	Parties    []agreement.Party // by name
	Accounts   []auth.Account    // by name
	Agreements []Listed          // by name
	Revision   uint64
}

// Listed is an agreement in the list.
type Listed struct {
	Name       agreement.Name
	Collection uuid.UUID
}

// Store is a data folder, open: accord.db and a file per agreement.
type Store struct{}

// Options of Open. Zero values are the defaults.
type Options struct {
	ReadOnly bool
}

// Open opens a data folder, made if it does not exist (0700). While it is open no other process can open it: the error
// is then an *InUseError that says which.
func Open(dir string, opts Options) (*Store, error) { return nil, errNotBuilt }

// Close ends all writing and closes every file.
func (s *Store) Close() error { return errNotBuilt }

// Registry is accord.db as it is now.
func (s *Store) Registry() *Registry { return nil }

// Root finds an API root by name.
func (s *Store) Root(name string) (Root, bool) { return Root{}, false }

// Collection finds the agreement's collection by the agreement's name.
func (s *Store) Collection(name agreement.Name) (*Collection, bool) { return nil, false }

// CollectionIn finds a collection of an API root by its id (in its canonical spelling) or its alias.
func (s *Store) CollectionIn(root, idOrAlias string) (*Collection, bool) { return nil, false }

// CollectionsIn lists the collections of an API root, always in the same order (TAXII 2.1, section 3.3).
func (s *Store) CollectionsIn(root string) []*Collection { return nil }

// Collections lists all of them, by agreement name.
func (s *Store) Collections() []*Collection { return nil }

// RegistryChange sets one thing in accord.db, or removes it. Exactly one of the pointers is set.
type RegistryChange struct {
	Server  *Server
	Root    *Root
	Party   *agreement.Party
	Account *auth.Account // its Revision is set by the store
	Act     string        // create, change, disable, ...: recorded
}

// Change applies changes to accord.db in one transaction, each with an entry in its journal.
func (s *Store) Change(ctx context.Context, by Actor, changes []RegistryChange) error {
	return errNotBuilt
}

// CreateAgreement makes the file of a new agreement, with its first Terms entry, and lists it. Crashing between the two
// leaves an unlisted file, which the next attempt replaces.
func (s *Store) CreateAgreement(ctx context.Context, by Actor, a *agreement.Agreement) (*Collection, error) {
	return nil, errNotBuilt
}
