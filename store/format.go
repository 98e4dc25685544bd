package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// formatIn is the version of a file's layout, from its meta bucket. This program knows those from 1 to newest.
func formatIn(meta *bolt.Bucket, newest uint64) (uint64, error) {
	v := meta.Get(keyFormat)
	if len(v) != 8 {
		return 0, errors.New("its meta bucket names no format: it is damaged, or no file of this kind")
	}
	n := binary.BigEndian.Uint64(v)
	if n == 0 || n > newest {
		return 0, fmt.Errorf("it has the format %d, this program reads the formats 1 to %d: use the version of Accord that wrote it, or a newer one", n, newest)
	}
	return n, nil
}

// Formats are the layouts that this program writes, by kind of file.
func Formats() map[string]int {
	return map[string]int{"accord.db": registryFormat, "agreement": collectionFormat, "backup": backupFormat}
}
