package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// FileFault is what a Survey found about one file or folder, by its name below the data folder ("." is the folder itself).
type FileFault struct {
	File    string
	Kind    FileFaultKind
	Message string
}

// FileFaultKind says what is wrong with a file.
type FileFaultKind int

const (
	Unlisted   FileFaultKind = iota // a file of an agreement that accord.db does not list
	WrongOwner                      // it belongs to another user than the folder
	WrongMode                       // other users may read or change it
	Leftover                        // a restore or a rebuild kept it, or was broken off
)

// mostFileFaults bounds what a Survey reports.
const mostFileFaults = 200

// guarded are the files that no one else may read, beside the folder itself: its mode keeps others out of the rest.
var guarded = regexp.MustCompile(`^(accord\.db|agreements(/[^/]*\.db)?|keys(/.*)?|logins(/.*)?|tls/[^/]*\.key)$`)

// Survey looks at the names, owners and modes of the files in the data folder. It opens none of them.
func (s *Store) Survey() (list []FileFault, err error) {
	listed := map[string]bool{}
	for _, l := range s.Registry().Agreements {
		id := path.Join(agreementsName, l.Collection.String())
		listed[id+".db"], listed[id+".deliveries.db"] = true, true
	}
	owner, err := ownerOf(s.dir)
	if err != nil {
		return nil, fmt.Errorf("survey %s: %w", s.dir, err)
	}
	found := func(name string, kind FileFaultKind, format string, args ...any) {
		if len(list) < mostFileFaults {
			list = append(list, FileFault{name, kind, fmt.Sprintf(format, args...)})
		}
	}
	err = filepath.WalkDir(s.dir, func(at string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		name, err := filepath.Rel(s.dir, at)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if its, _, ok := ids(info); ok && its.uid != owner.uid {
			found(name, WrongOwner, "belongs to user %d, the folder to user %d", its.uid, owner.uid)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 && d.Type()&fs.ModeSymlink == 0 && (name == "." || guarded.MatchString(name)) {
			found(name, WrongMode, "has mode %04o: others than its owner may use it", mode)
		}
		switch base := path.Base(name); {
		case strings.HasPrefix(base, ".restore."), strings.Contains(base, ".before-re"), strings.HasSuffix(base, ".db.rebuilt"), strings.HasSuffix(base, ".db"+compactSuffix):
			found(name, Leftover, "is left over from a restore or a rebuild, and may hold what was deleted since")
		case path.Dir(name) == agreementsName && strings.HasSuffix(base, ".db") && !listed[name]:
			found(name, Unlisted, "is the file of an agreement that accord.db does not list")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("survey %s: %w", s.dir, err)
	}
	return list, nil
}

// owner is the user and the group that a file belongs to.
type owner struct{ uid, gid uint32 }

func ownerOf(path string) (owner, error) {
	info, err := os.Stat(path)
	if err != nil {
		return owner{}, err
	}
	of, _, ok := ids(info)
	if !ok {
		return owner{}, fmt.Errorf("the owner of %s is not known", path)
	}
	return of, nil
}

// giveToOwner gives the files that root made in a data folder to the folder's owner, so that the server that runs as that user can
// go on using it. Only root can, and only what belongs to root and has one name is given away: a second name may lead anywhere.
func giveToOwner(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	to, err := ownerOf(dir)
	if err != nil || to.uid == 0 {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || name == "." || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		its, names, ok := ids(info)
		if !ok || its.uid != 0 || info.Mode().IsRegular() && names != 1 {
			return nil
		}
		return root.Lchown(name, int(to.uid), int(to.gid))
	})
}

// Disk is the room where the data folder lies, in bytes.
type Disk struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
}

// Disk returns how much room there is for files of this user.
func (s *Store) Disk() (Disk, error) {
	total, free, err := room(s.dir)
	if err != nil {
		return Disk{}, fmt.Errorf("ask for the room of %s: %w", s.dir, err)
	}
	return Disk{Free: free, Total: total}, nil
}
