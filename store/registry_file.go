package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/accord-taxii/accord/internal/verifiedbolt"
	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// registryFormat is the version of accord.db's layout that this program writes; in a cluster it is the next, see logstate.go.
const registryFormat = 1

// The buckets of accord.db. Each holds JSON documents by name, except the last two: the journal and the hashes of the
// tree over it.
var (
	bucketRegistryMeta = []byte("meta")    // "format" -> 8 bytes
	bucketServer       = []byte("server")  // "server" -> Server
	bucketRoots        = []byte("roots")   // name -> Root
	bucketParties      = []byte("parties") // name -> agreement.Party
	bucketAccounts     = []byte("accounts")
	bucketAgreements   = []byte("agreements") // name -> Listed
	bucketAdminJournal = []byte("journal")
	bucketAdminHashes  = []byte("hashes")

	keyFormat = []byte("format")
)

// openRegistry opens accord.db and makes its buckets if it is new.
func openRegistry(path string, readOnly bool) (*verifiedbolt.DB, error) {
	if readOnly {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("open accord.db: %w", err)
		}
	}
	db, err := verifiedbolt.Open(path, &bolt.Options{
		ReadOnly: readOnly,
		// The folder's lock excludes other Accord processes; do not wait for another program that holds the file.
		Timeout:      time.Second,
		FreelistType: bolt.FreelistMapType,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, registryFault(err))
	}
	if err := db.Load(checkRegistryFormat, bucketRegistryMeta); err != nil {
		db.Close()
		if errors.Is(err, verifiedbolt.ErrDamaged) {
			err = fmt.Errorf("%w: %w", ErrRegistryDamaged, err)
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

func registryFault(err error) error {
	if errors.Is(err, verifiedbolt.ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrRegistryDamaged, err)
	}
	switch err {
	case bolterrors.ErrTimeout:
		return fmt.Errorf("another program holds the file: %w", err)
	case bolterrors.ErrInvalid, bolterrors.ErrChecksum, bolterrors.ErrVersionMismatch:
		return fmt.Errorf("%w: %w", ErrRegistryDamaged, err)
	}
	if os.IsPermission(err) {
		return fmt.Errorf("%w: the account that runs Accord must own it", fs.ErrPermission)
	}
	return err
}

// checkRegistryFormat makes the buckets of an empty file and refuses an unknown layout.
func checkRegistryFormat(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketRegistryMeta)
	if meta == nil {
		if !tx.Writable() {
			return fmt.Errorf("the file is empty")
		}
		for _, name := range [][]byte{bucketRegistryMeta, bucketServer, bucketRoots, bucketParties, bucketAccounts,
			bucketAgreements, bucketAdminJournal, bucketAdminHashes} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		meta = tx.Bucket(bucketRegistryMeta)
		return errors.Join(meta.Put(keyFormat, binary.BigEndian.AppendUint64(nil, registryFormat)), putSweepCounts(meta, 0, 0), meta.Put(keySigned, []byte{0}))
	}
	_, err := formatIn(meta, loggedRegistryFormat)
	return err
}

// readRegistry reads all of accord.db except its journal.
func readRegistry(db *verifiedbolt.DB) (*Registry, error) {
	r := &Registry{}
	err := db.View(func(tx *bolt.Tx) error {
		if doc := tx.Bucket(bucketServer).Get([]byte("server")); doc != nil {
			if err := readKept(doc, &r.Server); err != nil {
				return fmt.Errorf("server: %w", err)
			}
		}
		if doc := tx.Bucket(bucketServer).Get([]byte("witnesses")); doc != nil {
			if err := readKept(doc, &r.Witnesses); err != nil {
				return fmt.Errorf("witnesses: %w", err)
			}
		}
		if doc := tx.Bucket(bucketServer).Get([]byte("webhooks")); doc != nil {
			if err := readKept(doc, &r.Webhooks); err != nil {
				return fmt.Errorf("webhooks: %w", err)
			}
		}
		if doc := tx.Bucket(bucketServer).Get([]byte("credentials")); doc != nil {
			if err := readKept(doc, &r.Credentials); err != nil {
				return fmt.Errorf("credentials: %w", err)
			}
		}
		if err := readAll(tx, bucketRoots, &r.Roots); err != nil {
			return err
		}
		if err := readAll(tx, bucketParties, &r.Parties); err != nil {
			return err
		}
		if err := readAll(tx, bucketAccounts, &r.Accounts); err != nil {
			return err
		}
		if err := readAll(tx, bucketAgreements, &r.Agreements); err != nil {
			return err
		}
		r.Revision = adminEntries(tx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.index()
	return r, nil
}

// readAll appends a bucket's documents to list.
func readAll[V any](tx *bolt.Tx, bucket []byte, list *[]V) error {
	return tx.Bucket(bucket).ForEach(func(name, doc []byte) error {
		var v V
		if err := readKept(doc, &v); err != nil {
			return fmt.Errorf("%s %s: %w", bucket, name, err)
		}
		*list = append(*list, v)
		return nil
	})
}

// readKept is readDocument for what accord.db has. The format of the file is known, so that a field is unknown when it is damaged.
func readKept(doc []byte, v any) error {
	if err := readDocument(doc, v); err != nil {
		return fmt.Errorf("%w: %w", ErrRegistryDamaged, err)
	}
	return nil
}

// readDocument refuses unknown fields, because this program would drop them when it writes the document again.
func readDocument(doc []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
