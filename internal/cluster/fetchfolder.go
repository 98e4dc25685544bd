package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/accord-taxii/accord/internal/cluster/raftlog"
	"github.com/accord-taxii/accord/store"
)

// A node for which the log begins too late fetches the files of another one. It goes on with its connections meanwhile and answers
// nothing else. The files lie in a folder of their own until they are complete and durable, which a document beside that folder
// says. Then the node is closed, and opened again: Open puts the files in their place and begins the log behind them.

const (
	fetchedFolder   = "fetched"
	fetchedDocument = "fetched.json"
)

const (
	// fileSilence is how long nothing may come of files: before they are read they come to rest.
	fileSilence = settleTime + 10*time.Second

	// fileWrite is how long a part of files may take that are sent: until then a snapshot is held for a node that does not read.
	fileWrite = 2 * time.Minute
)

// fetchedFiles is that document.
type fetchedFiles struct {
	position
	From  string   `json:"from"`
	Anew  bool     `json:"anew,omitempty"` // what the node has is wrong: they take its place also if they are older
	Files []string `json:"files"`          // names below the data folder
}

// serveFolder serves a backup of the data folder to another member, and where its log is to begin.
func (n *Node) serveFolder(w http.ResponseWriter, r *http.Request) {
	at, err := position{}, n.usable()
	if err == nil {
		at, err = n.position()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	n.sendFolder(w, r, at)
}

// Fetched returns a channel that is closed when the node has the files of another one, because the log no longer has what it
// lacks. It must be closed then, and opened again.
func (n *Node) Fetched() <-chan struct{} { return n.fetched }

// fetchFolder waits until the node lacks what the log does not have, and fetches the files of another one.
func (n *Node) fetchFolder() {
	select {
	case <-n.stop:
		return
	case <-n.outrun:
	}
	ctx, cancel := n.untilStop()
	defer cancel()
	told := ""
	for ctx.Err() == nil {
		from, err := n.fetchFromAny(ctx)
		if err == nil {
			n.config.Warn(fmt.Sprintf("the files of the node %s have been fetched, and take the place of this node's", from))
			close(n.fetched)
			return
		}
		if text := err.Error(); text != told && ctx.Err() == nil {
			told = text
			n.config.Warn("the files of another node were not fetched, and will be tried again: " + text)
		}
		n.pause(mendAgain)
	}
}

func (n *Node) fetchFromAny(ctx context.Context) (from string, err error) {
	failed := errors.New("there is no other node")
	list := n.others()
	if n.following != nil {
		list = n.following.source.candidates()
	}
	for _, m := range list {
		if err := n.fetchFrom(ctx, m); err != nil {
			failed = fmt.Errorf("from %s: %w", m.Name, err)
			continue
		}
		return m.Name, nil
	}
	return "", failed
}

func (n *Node) fetchFrom(ctx context.Context, m Member) error {
	watching, watched, end := watch(ctx, cmp.Or(n.config.silence, fileSilence))
	defer end()
	body, err := n.ask(watching, m, "/folder", nil)
	if err != nil {
		return cmp.Or(context.Cause(watching), err)
	}
	defer body.Close()
	done := fetchedFiles{From: m.Name, Anew: n.following != nil && n.now.Load().lostAt == 0}
	backup, err := readFolder(watched(body), &done.position)
	if err != nil {
		return cmp.Or(context.Cause(watching), err)
	}
	if least := n.now.Load().lostAt; done.Place < least {
		return fmt.Errorf("its files are at place %d of the log, and those before %d do not help", done.Place, least)
	}
	to := filepath.Join(n.config.Dir, folderName, fetchedFolder)
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	got, err := store.ReceiveFolder(ctx, backup, to, nil)
	if err != nil {
		return cmp.Or(context.Cause(watching), err)
	}
	for _, f := range got.Files {
		done.Files = append(done.Files, f.Name)
	}
	text, err := json.Marshal(done)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(n.config.Dir, folderName, fetchedDocument), text)
}

// useFetched puts files that were fetched in their place, and begins the log behind them. It goes on where a crash has ended it. No
// server may run on the folder.
func useFetched(dir string, id *Identity, now func() time.Time) error {
	folder, document := filepath.Join(dir, folderName, fetchedFolder), filepath.Join(dir, folderName, fetchedDocument)
	text, err := os.ReadFile(document)
	if errors.Is(err, fs.ErrNotExist) {
		return removeUnfinished(dir)
	}
	var done fetchedFiles
	if err == nil {
		err = json.Unmarshal(text, &done)
	}
	if err == nil && !done.Anew {
		var has uint64
		if has, err = appliedIn(dir, id, now); err == nil && has > done.Place { // none of them was used, or the log would begin behind them
			return errors.Join(os.Remove(document), removeUnfinished(dir))
		}
	}
	if err == nil {
		err = store.ReplaceFolder(dir, folder, done.Files)
	}
	if err == nil {
		err = store.KeepRetiredKey(dir, done.Retired)
	}
	if err == nil {
		err = done.beginLog(dir, id, now)
	}
	if err == nil {
		err = errors.Join(os.Remove(document), syncFolder(filepath.Join(dir, folderName)))
	}
	if err != nil {
		return fmt.Errorf("use the files that were fetched from %s: %w", done.From, err)
	}
	return os.RemoveAll(folder)
}

// beginLog begins the log behind the files.
func (done *fetchedFiles) beginLog(dir string, id *Identity, now func() time.Time) error {
	b := raftlog.Beginning{Identity: id.logIdentity(), Index: done.Place, Term: done.Term, Members: done.Members}
	if !done.Anew {
		return raftlog.Replace(LogPath(dir), b, now)
	}
	if err := os.Remove(LogPath(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a follower, which votes for nothing
		return err
	}
	return raftlog.Create(LogPath(dir), b)
}

// appliedIn returns up to where the files of a folder have everything.
func appliedIn(dir string, id *Identity, now func() time.Time) (uint64, error) {
	log, err := raftlog.Open(LogPath(dir), id.logIdentity(), now)
	if err != nil {
		return 0, err
	}
	return log.Applied(), log.Close()
}

// removeUnfinished removes what a fetch that was broken off has left.
func removeUnfinished(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, folderName, "."+fetchedFolder+".*"))
	if err != nil {
		return err
	}
	for _, path := range append(left, filepath.Join(dir, folderName, fetchedFolder)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}
