package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/accord-taxii/accord/store"
)

// The copy lies in a folder below the one of the cluster until it is complete, and a document beside it says where the log begins. Without
// the identity, which is written last, nothing of it is used: the next attempt removes it.
const (
	copyFolder   = "copy"
	copyDocument = "copy.json"
)

// useCopy puts the files of the copy in their place and begins the log behind them.
func (j *Joining) useCopy(id *Identity) error {
	folder, document := filepath.Join(j.Dir, folderName, copyFolder), filepath.Join(j.Dir, folderName, copyDocument)
	text, err := os.ReadFile(document)
	if errors.Is(err, fs.ErrNotExist) { // it is in use already
		return nil
	}
	done := fetchedFiles{Anew: true}
	if err == nil {
		err = json.Unmarshal(text, &done.position)
	}
	if err == nil {
		err = moveFiles(folder, j.Dir)
	}
	if err == nil {
		err = store.KeepRetiredKey(j.Dir, done.Retired)
	}
	if err == nil {
		err = done.beginLog(j.Dir, id, j.Now)
	}
	if err != nil {
		return fmt.Errorf("use the files of the copy: %w", err)
	}
	return errors.Join(os.RemoveAll(folder), os.Remove(document), syncFolder(filepath.Dir(document)))
}

// moveFiles moves what is in a folder, and was not moved before a crash.
func moveFiles(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return syncFolder(to)
}

// empty makes sure that a node may join into the folder. What an attempt has left that was killed goes; it is below the cluster's folder.
func (j *Joining) empty() error {
	entries, err := os.ReadDir(j.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 1 || len(entries) == 1 && entries[0].Name() != folderName {
		return refused("the folder %s is not empty: a node joins into an empty one", j.Dir)
	}
	return os.RemoveAll(filepath.Join(j.Dir, folderName))
}

// receive stores the copy, and last what says that it is complete. An error leaves nothing.
func (j *Joining) receive(ctx context.Context, body io.Reader, a *joinAnswer, id *Identity) error {
	_, statErr := os.Stat(j.Dir)
	folder := filepath.Join(j.Dir, folderName)
	_, err := store.ReceiveFolder(ctx, body, filepath.Join(folder, copyFolder), j.Progress) // each file is verified as it comes
	if err == nil {
		var text []byte
		if text, err = json.Marshal(a.position); err == nil {
			err = writeFile(filepath.Join(folder, copyDocument), text)
		}
	}
	if err == nil {
		err = id.write(j.Dir)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(folder))
		if statErr != nil { // it was made for this
			os.Remove(j.Dir)
		}
		return err
	}
	return syncFolder(j.Dir)
}
