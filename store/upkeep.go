package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// upkeepName is the file in a data folder that says when it was last backed up and checked. Nothing depends on it.
const upkeepName = "upkeep.json"

// Upkeep says when a data folder was last backed up and checked as a whole.
type Upkeep struct {
	Backup *UpkeepRun `json:"backup,omitempty"`
	Check  *UpkeepRun `json:"check,omitempty"`
}

// UpkeepRun is a backup or a check that came to its end.
type UpkeepRun struct {
	At     time.Time `json:"at"`
	Bytes  int64     `json:"bytes,omitempty"`  // of a backup
	Faults int       `json:"faults,omitempty"` // that a check found
}

// Upkeep reads when the folder was last backed up and checked.
func (s *Store) Upkeep() (u Upkeep, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, upkeepName))
	if errors.Is(err, fs.ErrNotExist) {
		return Upkeep{}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &u)
	}
	if err != nil {
		return Upkeep{}, fmt.Errorf("read %s: %w", upkeepName, err)
	}
	return u, nil
}

// noteUpkeep records a run. A folder that cannot be written to, or that is a backup, goes without: the run itself was good.
func (s *Store) noteUpkeep(note func(*Upkeep)) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if _, err := os.Lstat(filepath.Join(s.dir, backupName)); err == nil {
		return
	}
	u, _ := s.Upkeep()
	note(&u)
	text, err := json.MarshalIndent(u, "", "  ")
	if err != nil {
		return
	}
	f, err := os.CreateTemp(s.dir, ".upkeep.") // 0600
	if err != nil {
		return
	}
	_, err = f.Write(append(text, '\n'))
	if os.Geteuid() == 0 {
		if to, found := ownerOf(s.dir); found == nil {
			err = errors.Join(err, f.Chown(int(to.uid), int(to.gid)))
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, upkeepName))
	}
	if err != nil {
		os.Remove(f.Name())
	}
}
