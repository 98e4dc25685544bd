package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flip flips a bit of a file, in a page that is not empty.
func flip(path string, r *rand.Rand) (at int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := int64(os.Getpagesize())
	page := make([]byte, size)
	for range 1000 {
		at = r.Int64N(info.Size()/size) * size
		if _, err := f.ReadAt(page, at); err != nil {
			return 0, err
		}
		if len(bytes.TrimRight(page, "\x00")) > 0 {
			break
		}
	}
	at += int64(r.IntN(max(1, len(bytes.TrimRight(page, "\x00")))))
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, at); err != nil {
		return 0, err
	}
	one[0] ^= 1 << r.IntN(8)
	_, err = f.WriteAt(one, at)
	return at, err
}

// damaged kills a node, flips a bit of one of its files and starts it. It reports why the node does not start, if so.
func (h *herd) damaged(ctx context.Context, pattern string) (m *member, file string, refused, err error) {
	if err := h.well(); err != nil { // with another node down this one could not be replaced
		return nil, "", nil, err
	}
	m = h.some(1)[0]
	h.kill(m)
	files, err := filepath.Glob(filepath.Join(m.data, pattern))
	if err != nil || len(files) == 0 {
		return nil, "", nil, fmt.Errorf("%s has no %s: %w", m.name, pattern, err)
	}
	file = files[h.t.random.IntN(len(files))]
	wait(ctx, h.upTo(time.Second))
	at, err := flip(file, h.t.random)
	if err != nil {
		return nil, "", nil, err
	}
	refused = h.revive(m)
	log.Printf("a bit of %s at %d: the node starts: %t", file, at, refused == nil)
	return m, file, refused, nil
}

// flipLog flips a bit of a log: the node does not start, or nothing is lost.
func (h *herd) flipLog(ctx context.Context) error {
	m, _, refused, err := h.damaged(ctx, "log/log.db")
	if err != nil || refused == nil {
		h.count("a bit of the log that meant nothing", err)
		return err
	}
	if text := refused.Error(); !strings.Contains(text, "join anew") {
		return fmt.Errorf("the log of %s is damaged, and its start says only: %w", m.name, refused)
	}
	h.count("a node with a damaged log that did not start, and was replaced", nil)
	return h.replace(m)
}

// flipRegistry flips a bit of accord.db: the node does not start, or check finds it, or it meant nothing.
func (h *herd) flipRegistry(ctx context.Context) error {
	m, _, refused, err := h.damaged(ctx, "accord.db")
	if err != nil {
		return err
	}
	if refused == nil {
		wait(ctx, h.upTo(2*time.Second))
		h.kill(m)
		if found := command(h.t.program, "check", "--data", m.data); found == nil {
			h.count("a bit of accord.db that meant nothing", nil)
			return h.revive(m)
		}
		h.count("a damaged accord.db that check found", nil)
	} else if text := refused.Error(); !strings.Contains(text, "damaged") && !strings.Contains(text, "check") {
		return fmt.Errorf("accord.db of %s is damaged, and its start says only: %w", m.name, refused)
	} else {
		h.count("a node with a damaged accord.db that did not start, and was replaced", nil)
	}
	return h.replace(m)
}

// flipAgreement flips a bit of an agreement's file: the node finds it and fetches the file anew, or check finds it and the operator
// takes it away, or it meant nothing.
func (h *herd) flipAgreement(ctx context.Context) error {
	m, file, refused, err := h.damaged(ctx, "agreements/*.db")
	if err != nil {
		return err
	}
	if refused != nil {
		return fmt.Errorf("a file of an agreement is damaged, and %s does not start: %w", m.name, refused)
	}
	for until := time.Now().Add(2*time.Second + h.upTo(2*time.Second)); time.Now().Before(until) && ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		if err := texts(m.process()); err != nil && !unready(err) {
			return fmt.Errorf("%s, with a damaged %s: %w", m.name, file, err)
		}
	}
	mended := strings.Contains(m.process().Log.String(), "is in use again")
	h.kill(m)
	if found := command(h.t.program, "check", "--data", m.data); found == nil {
		h.count(map[bool]string{true: "a damaged file of an agreement that the node found and fetched anew", false: "a bit of an agreement's file that meant nothing"}[mended], nil)
		return h.revive(m)
	}
	h.count("a damaged file of an agreement that check found, and that was fetched anew after it was taken away", nil)
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) { // the node has taken it away itself
		return err
	}
	if err := h.revive(m); err != nil {
		return fmt.Errorf("without %s: %w", file, err)
	}
	if err := h.well(); err != nil {
		return err
	}
	h.kill(m)
	if err := command(h.t.program, "check", "--data", m.data); err != nil {
		return fmt.Errorf("after %s was fetched anew: %w", file, err)
	}
	return h.revive(m)
}

// texts reads every object that a node serves: each is as it was sent.
func texts(p *process) error {
	for _, collection := range []string{source, target, alone} {
		for next := ""; ; {
			status, _, body, err := p.ask(context.Background(), http.MethodGet, collection+"objects/?match[version]=all&limit=2000"+next, nil)
			if err != nil {
				return err
			}
			var got struct {
				More    bool
				Next    string
				Objects []json.RawMessage
			}
			if status != http.StatusOK || json.Unmarshal(body, &got) != nil {
				return fmt.Errorf("the objects of %s: got %d %.300s", collection, status, body)
			}
			for _, served := range got.Objects {
				if sent, err := sentAs(served); err != nil || sent != string(served) {
					return fmt.Errorf("SERVED DAMAGED: of %s: %s, which was sent as %s (%v)", collection, served, sent, err)
				}
			}
			if !got.More {
				break
			}
			next = "&next=" + got.Next
		}
	}
	return nil
}

// sentAs returns the text that an object was sent with.
func sentAs(served []byte) (string, error) {
	var o struct {
		ID       string
		Modified time.Time
	}
	if err := json.Unmarshal(served, &o); err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(o.ID[max(0, len(o.ID)-12):], 16, 64)
	_, _, text := object(int(n), o.Modified)
	return text, err
}

// count counts what became of damage, unless there is an error.
func (h *herd) count(what string, err error) {
	if err == nil {
		h.noticed[what]++
	}
}

// cutPower kills nodes, and takes back some of what they had written and not synced: all, nothing, or at random, sector by sector.
func (h *herd) cutPower(ctx context.Context, count int) error {
	victims := h.some(count)
	for _, m := range victims {
		h.kill(m)
	}
	for _, m := range victims {
		n, err := undo(m.undo(), h.t.random)
		if err != nil {
			return err
		}
		h.noticed["writes that a power cut undid"] += n
	}
	wait(ctx, h.upTo(2*time.Second))
	err := h.reviveAll()
	wait(ctx, h.upTo(1500*time.Millisecond))
	return err
}

// undo takes back what the files of undo describe: what was written to a file of bbolt since its last sync.
func undo(folder string, r *rand.Rand) (undone int, err error) {
	lists, err := os.ReadDir(folder)
	if err != nil {
		return 0, err
	}
	keep := []float64{0, 0.5, 1}[r.IntN(3)] // of sectors; a disk writes those it has in any order
	for _, list := range lists {
		name := filepath.Join(folder, list.Name())
		text, err := os.ReadFile(name)
		if err != nil {
			return undone, err
		}
		file, writes, err := parseUndo(text)
		if err != nil {
			return undone, fmt.Errorf("%s: %w", name, err)
		}
		if len(writes) == 0 {
			continue
		}
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return undone, err
		}
		slices.Reverse(writes)
		for _, w := range writes {
			for at := 0; at < len(w.before); at += sector {
				if r.Float64() < keep {
					continue
				}
				if _, err := f.WriteAt(w.before[at:min(at+sector, len(w.before))], w.at+int64(at)); err != nil {
					return undone, errors.Join(err, f.Close())
				}
				undone++
			}
		}
		if err := errors.Join(f.Close(), os.Remove(name)); err != nil {
			return undone, err
		}
	}
	return undone, nil
}

const sector = 512
