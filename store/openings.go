package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// openingsFormat is the first format in which documents of terms name the targets of releases by ids, and the file keeps
// what these stand for.
const openingsFormat = 5

// putOpenings keeps what the ids in a document of terms stand for.
func putOpenings(b *bolt.Bucket, list []agreement.Opening) error {
	for _, o := range list {
		if err := b.Put([]byte(o.ID), append(bytes.Clone(o.Key), o.Name...)); err != nil {
			return fmt.Errorf("keep the target of a release: %w", err)
		}
	}
	return nil
}

// openingsIn looks up what ids stand for. A file of an older format has none.
func openingsIn(b *bolt.Bucket) func(agreement.Name) (agreement.Opening, bool) {
	return func(id agreement.Name) (agreement.Opening, bool) {
		if b == nil {
			return agreement.Opening{}, false
		}
		v := b.Get([]byte(id))
		if len(v) <= agreement.KeySize {
			return agreement.Opening{}, false
		}
		return agreement.Opening{ID: id, Key: bytes.Clone(v[:agreement.KeySize]), Name: agreement.Name(v[agreement.KeySize:])}, true
	}
}

// readTerms reads a document of terms, with the names that its ids stand for.
func readTerms(document []byte, openings *bolt.Bucket) (*agreement.Agreement, error) {
	a, err := agreement.ParseDocument(document)
	if err != nil {
		return nil, err
	}
	if err := a.Reveal(openingsIn(openings)); err != nil {
		return nil, err
	}
	return a, nil
}

// checkOpenings returns what is wrong with what the ids in a document of terms stand for. Only the targets are read, so that
// documents of other versions of this program can be checked.
func checkOpenings(document []byte, openings *bolt.Bucket) error {
	var read struct {
		Name    agreement.Name `json:"name"`
		Release []struct {
			To agreement.Name `json:"to"`
		} `json:"release"`
	}
	if err := json.Unmarshal(document, &read); err != nil {
		return fmt.Errorf("read terms: %w", err)
	}
	a := agreement.Agreement{Name: read.Name}
	for _, r := range read.Release {
		a.Release = append(a.Release, agreement.Release{To: r.To})
	}
	return a.Reveal(openingsIn(openings))
}

// TargetsIn returns the names that the ids of release targets in documents of terms stand for, for those that are known.
func (c *Collection) TargetsIn(documents ...[]byte) (map[agreement.Name]agreement.Name, error) {
	names := make(map[agreement.Name]agreement.Name)
	err := c.view(func(tx *bolt.Tx) error {
		opened := openingsIn(tx.Bucket(bucketOpenings))
		for _, document := range documents {
			var read struct {
				Release []struct {
					To agreement.Name `json:"to"`
				} `json:"release"`
			}
			if err := json.Unmarshal(document, &read); err != nil {
				return fmt.Errorf("read terms: %w", err)
			}
			for _, r := range read.Release {
				if o, known := opened(r.To); known {
					names[r.To] = o.Name
				}
			}
		}
		return nil
	})
	return names, err
}
