package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/uuid"
)

const bundleTail = "\n]}\n"

// bundle writes objects as one STIX bundle. A file that is extended is a complete bundle after every page.
type bundle struct {
	w       *bufio.Writer
	file    *os.File // nil: not owned
	at      int64    // octets written, without the tail
	objects bool     // at least one is written
	durable bool     // after each page: tail, sync
	rename  string   // the file's name in the end; "": its own
	modes   fileModes
	mode    fs.FileMode // that the file has, before the umask; 0: it is not ours to say
}

// newBundle writes a bundle to w.
func newBundle(w io.Writer) *bundle { return &bundle{w: bufio.NewWriterSize(w, 1<<16)} }

// createBundle writes a bundle to a file that appears when the bundle is complete.
func createBundle(name string, modes fileModes) (*bundle, error) {
	partial := name + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have another mode
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	file, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, modes.open)
	if err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	b := newBundle(file)
	b.file, b.rename, b.modes, b.mode = file, name, modes, modes.open
	return b, nil
}

// extendBundle continues a bundle. The state says how many octets are valid; what follows them was left by a crash, or
// is the tail. If the file does not exist, it starts a new one, which the state records first, so that after a crash
// before the first page the file is recognised.
func extendBundle(name string, state *pullState, stateFile string, modes fileModes) (*bundle, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, modes.open)
	if err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	b := newBundle(file)
	b.file, b.durable, b.modes, b.mode = file, true, modes, modes.open
	if err := b.resume(state, stateFile); err != nil {
		file.Close()
		return nil, err
	}
	return b, nil
}

func (b *bundle) resume(state *pullState, stateFile string) error {
	info, err := b.file.Stat()
	if err != nil {
		return b.failed(err)
	}
	if info.Size() > 0 && !state.exists {
		return withHint(fmt.Errorf("%s exists, but %s does not", b.file.Name(), stateFile), "move the file away, or give --state the state that belongs to it")
	}
	if info.Size() == 0 || state.Size == 0 {
		state.Size = 0
		if err := state.save(stateFile); err != nil {
			return err
		}
		return b.failed(b.file.Truncate(0))
	}
	last := make([]byte, 1)
	if _, err := b.file.ReadAt(last, state.Size-1); err != nil || last[0] != '}' {
		return withHint(fmt.Errorf("%s was changed since its state was kept", b.file.Name()), "move the file away: the next pull then begins a new bundle with what was added since")
	}
	b.at, b.objects = state.Size, true
	_, err = b.file.Seek(b.at, io.SeekStart)
	return b.failed(err)
}

func (b *bundle) put(text string) {
	n, _ := b.w.WriteString(text) // a bufio.Writer keeps its error until Flush
	b.at += int64(n)
}

func (b *bundle) head() {
	if b.at == 0 {
		b.put(`{"type":"bundle","id":"bundle--` + uuid.NewString() + `"`)
	}
}

func (b *bundle) write(objects []json.RawMessage) error {
	if err := b.tighten(objects); err != nil {
		return b.failed(err)
	}
	b.head()
	for _, object := range objects {
		if b.objects {
			b.put(",\n")
		} else {
			b.put(",\"objects\":[\n")
			b.objects = true
		}
		n, _ := b.w.Write(object)
		b.at += int64(n)
	}
	if !b.durable {
		return b.failed(b.w.Flush())
	}
	return b.seal()
}

// tighten takes from the file's mode what the markings of some objects do not allow, before they are in it. What an existing
// file has less than that, it does not get.
func (b *bundle) tighten(objects []json.RawMessage) error {
	if b.file == nil {
		return nil
	}
	mode := b.mode
	for _, object := range objects {
		mode &= b.modes.of(object)
	}
	if mode == b.mode {
		return nil
	}
	info, err := b.file.Stat()
	if err == nil {
		err = b.file.Chmod(info.Mode().Perm() & mode)
	}
	if err == nil {
		b.mode = mode
	}
	return err
}

// seal writes the tail after the objects, makes the file durable, and seeks back to before the tail.
func (b *bundle) seal() error {
	_, err := b.w.WriteString(bundleTail)
	if err == nil {
		err = b.w.Flush()
	}
	if err == nil {
		err = b.file.Truncate(b.at + int64(len(bundleTail)))
	}
	if err == nil {
		err = b.file.Sync()
	}
	if err == nil {
		_, err = b.file.Seek(b.at, io.SeekStart)
	}
	return b.failed(err)
}

func (b *bundle) failed(err error) error {
	if err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}

func (b *bundle) size() int64 { return b.at }

// finish ends the bundle. A bundle without objects has no list, because STIX has no empty lists.
func (b *bundle) finish() error {
	switch {
	case b.durable && b.objects:
		return b.failed(errors.Join(b.seal(), b.file.Close()))
	case b.durable:
		return b.failed(errors.Join(b.file.Close(), os.Remove(b.file.Name())))
	}
	b.head()
	if b.objects {
		b.put(bundleTail)
	} else {
		b.put("}\n")
	}
	err := b.w.Flush()
	if b.file != nil {
		if err == nil {
			err = b.file.Sync()
		}
		err = errors.Join(err, b.file.Close())
		if err == nil {
			err = os.Rename(b.file.Name(), b.rename)
		}
	}
	return b.failed(err)
}

// abandon leaves an extended file as of the last page, and removes one that is incomplete.
func (b *bundle) abandon() {
	if b.file == nil {
		b.w.Flush()
		return
	}
	b.file.Close()
	if b.rename != "" {
		os.Remove(b.file.Name())
	}
}
