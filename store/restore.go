package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/accord-taxii/accord/internal/agreement"
)

// RestoreAgreement restores one agreement of a data folder from a backup. The file that it replaces is kept beside it.
// Everything added since the backup is lost, and agreements that follow this one may be ahead of it, which Check
// reports. No other process may have the folder open. trusted is as for Restore. It returns the backup's manifest, and
// where the file that was replaced is now.
func RestoreAgreement(ctx context.Context, backup, dir string, name agreement.Name, trusted []string) (m *BackupManifest, kept string, err error) {
	if m, err = openBackup(backup, trusted); err != nil {
		return nil, "", err
	}
	lock, err := lockFolder(dir, false)
	if err != nil {
		return nil, "", fmt.Errorf("restore agreement %s: %w", name, err)
	}
	defer unlockFolder(lock, false)
	if err := refuseCluster(dir); err != nil {
		return nil, "", fmt.Errorf("restore agreement %s: %w", name, err)
	}
	listed, err := listAgreements(filepath.Join(dir, registryName))
	if err != nil {
		return nil, "", fmt.Errorf("restore agreement %s: %w", name, err)
	}
	i := slices.IndexFunc(listed, func(l Listed) bool { return l.Name == name })
	if i < 0 {
		return nil, "", fmt.Errorf("restore agreement %s: the data folder %s lists none of that name", name, dir)
	}
	file := agreementsName + "/" + listed[i].Collection.String() + ".db"
	f := slices.IndexFunc(m.Files, func(f BackupFile) bool { return f.Name == file })
	if f < 0 {
		return nil, "", fmt.Errorf("restore agreement %s: the backup %s does not hold it", name, backup)
	}
	kept, err = replaceFile(ctx, backup, dir, m.Files[f])
	if err != nil {
		return nil, "", fmt.Errorf("restore agreement %s: %w", name, err)
	}
	return m, kept, nil
}

// RestoreRegistry brings accord.db back from a backup, for a data folder whose own is damaged or missing; what is there is kept
// beside it. Agreements, accounts and parties are those of the backup: an agreement made since is in a file that is not listed,
// which Survey reports. No other process may have the folder open. trusted is as for Restore.
func RestoreRegistry(ctx context.Context, backup, dir string, trusted []string) (m *BackupManifest, kept string, err error) {
	if m, err = openBackup(backup, trusted); err != nil {
		return nil, "", err
	}
	lock, err := lockFolder(dir, false)
	if err != nil {
		return nil, "", fmt.Errorf("restore accord.db: %w", err)
	}
	defer unlockFolder(lock, false)
	if err := refuseCluster(dir); err != nil {
		return nil, "", fmt.Errorf("restore accord.db: %w", err)
	}
	f := slices.IndexFunc(m.Files, func(f BackupFile) bool { return f.Name == registryName }) // there is one: checkParts
	if kept, err = replaceFile(ctx, backup, dir, m.Files[f]); err != nil {
		return nil, "", fmt.Errorf("restore accord.db: %w", err)
	}
	return m, kept, nil
}

// errNodeRestored says that a file of a node of a cluster is not to be restored.
var errNodeRestored = errors.New("the data folder is a node of a cluster, and a file of a backup is behind those of the other nodes: let the node join anew")

// refuseCluster refuses a folder of a cluster, also one whose accord.db cannot be read.
func refuseCluster(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, clusterName)); err == nil {
		return errNodeRestored
	}
	path := filepath.Join(dir, registryName)
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	db, err := openRegistry(path, true)
	if err != nil {
		return nil // it is damaged, which is why it is restored
	}
	defer db.Close()
	in := false
	err = db.View(func(tx *bolt.Tx) error {
		in = tx.Bucket(bucketLog) != nil
		return nil
	})
	if in {
		return errNodeRestored
	}
	return err
}

// replaceFile replaces a file in the data folder by the one in a backup, once the copy is complete and durable.
func replaceFile(ctx context.Context, backup, dir string, f BackupFile) (kept string, err error) {
	fresh, err := os.MkdirTemp(dir, ".restore.")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := copyPart(ctx, backup, fresh, f, func(int64) {}); err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.FromSlash(f.Name))
	if _, err := os.Lstat(path); err == nil {
		if kept, err = keepAside(path, "before-restore"); err != nil {
			return "", err
		}
	}
	if err := os.Rename(filepath.Join(fresh, filepath.FromSlash(f.Name)), path); err != nil {
		return kept, err
	}
	return kept, errors.Join(syncFolder(filepath.Dir(path), false), giveToOwner(dir))
}
