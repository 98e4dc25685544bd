package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// round starts the server, checks that everything acknowledged is there, loads it, and kills it.
func (w *world) round() error {
	p, err := startServer(w.t.program, w.data, w.apply)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := w.look(p); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var all sync.WaitGroup
	work := func(do func(context.Context, *process, *rand.Rand) error) {
		random := rand.New(rand.NewPCG(w.t.random.Uint64(), 2))
		all.Go(func() {
			for ctx.Err() == nil {
				if err := do(ctx, p, random); errors.Is(err, errGone) {
					return
				} else if err != nil {
					cancel(err)
				}
			}
		})
	}
	for range 3 {
		work(w.write)
	}
	work(w.remove)
	for _, one := range w.pollers {
		work(func(ctx context.Context, p *process, _ *rand.Rand) error { return one.poll(ctx, p) })
	}
	if w.t.random.IntN(8) == 0 { // cut off by the kill, most of the time
		all.Go(func() {
			command(w.t.program, "backup", "--data", w.data, "--to", filepath.Join(filepath.Dir(w.data), fmt.Sprintf("cut-%d", w.t.kills)))
		})
	}
	select {
	case <-time.After(time.Duration(20+w.t.random.IntN(1200)) * time.Millisecond):
	case <-ctx.Done():
	}
	p.kill()
	w.t.kills++
	failed := context.Cause(ctx)
	cancel(nil)
	all.Wait()
	if failed != nil {
		return fmt.Errorf("%w\nthe log:\n%s", failed, p.log())
	}
	return command(w.t.program, "check", "--data", w.data)
}

// write adds an envelope of new objects and new versions.
func (w *world) write(ctx context.Context, p *process, random *rand.Rand) error {
	collection := source
	if random.IntN(2) == 0 {
		collection = alone
	}
	var texts []string
	w.mu.Lock()
	for range 1 + random.IntN(10) {
		n := w.next
		if w.next > 0 && random.IntN(3) == 0 {
			n = random.IntN(w.next)
		} else {
			w.next++
		}
		_, _, text := object(n, time.Unix(1_700_000_000, 0).Add(time.Duration(random.IntN(1_000_000))*time.Second))
		texts = append(texts, text)
	}
	w.mu.Unlock()
	status, _, body, err := p.ask(ctx, http.MethodPost, collection+"objects/", []byte(`{"objects":[`+strings.Join(texts, ",")+`]}`))
	if err != nil {
		return err
	}
	var answer struct {
		Status    string
		Successes []struct{ ID, Version string }
		Failures  []struct{ ID, Version, Message string }
	}
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusAccepted || answer.Status != "complete" || len(answer.Failures) > 0 {
		return fmt.Errorf("POST %s: got %d %s, want 202, complete and no failure", collection, status, body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.envelopes++
	for _, s := range answer.Successes {
		w.acknowledged[version{collection, s.ID, s.Version}] = true
		w.objects = append(w.objects, collection+"objects/"+s.ID+"/")
	}
	return nil
}

// remove deletes an object with all its versions. Writers may add to it again meanwhile, so from then on nothing is
// expected of that object.
func (w *world) remove(ctx context.Context, p *process, random *rand.Rand) error {
	select {
	case <-ctx.Done():
		return errGone
	case <-time.After(time.Duration(random.IntN(40)) * time.Millisecond):
	}
	w.mu.Lock()
	if len(w.objects) == 0 {
		w.mu.Unlock()
		return nil
	}
	path := w.objects[random.IntN(len(w.objects))]
	collection, id, _ := strings.Cut(strings.TrimSuffix(path, "/"), "objects/")
	w.deleted[version{collection: collection, id: id}] = true
	w.mu.Unlock()
	status, _, body, err := p.ask(ctx, http.MethodDelete, path+"?match[version]=all", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK && status != http.StatusNotFound {
		return fmt.Errorf("DELETE %s: got %d %s, want 200 or 404", path, status, body)
	}
	w.mu.Lock()
	w.t.deletions++
	w.mu.Unlock()
	return nil
}

// look reads the manifests and looks for everything that was acknowledged. In source, retention may have taken old
// versions: there the newest acknowledged one of each object must be.
func (w *world) look(p *process) error {
	for _, collection := range []string{alone, source} {
		there, err := manifest(p, collection)
		if err != nil {
			return err
		}
		newest := map[string]string{}
		for v := range w.acknowledged {
			if v.collection == collection && v.version > newest[v.id] {
				newest[v.id] = v.version
			}
		}
		for v := range w.acknowledged {
			if v.collection != collection || w.deleted[version{collection: collection, id: v.id}] {
				continue
			}
			if collection == source && v.version != newest[v.id] {
				continue
			}
			w.t.looked++
			if _, ok := there[v]; !ok {
				return fmt.Errorf("LOST: %s version %s of %s was answered with success and is gone", v.id, v.version, collection)
			}
		}
	}
	return nil
}

// finish waits until the releases are done, compares target with source and the pollers with both, and restores a
// backup.
func (w *world) finish() error {
	p, err := startServer(w.t.program, w.data, w.apply)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := w.look(p); err != nil {
		return err
	}
	if err := w.released(p); err != nil {
		return fmt.Errorf("%w\nthe log:\n%s", err, p.log())
	}
	for _, one := range w.pollers {
		if err := one.complete(p); err != nil {
			return err
		}
		w.t.polled += len(one.seen)
	}
	backup := filepath.Join(filepath.Dir(w.data), "backup")
	if err := command(w.t.program, "backup", "--data", w.data, "--to", backup); err != nil {
		return err
	}
	if err := p.Terminate(); err != nil {
		return err
	}
	if err := command(w.t.program, "check", "--data", w.data); err != nil {
		return err
	}
	w.t.backups++
	return command(w.t.program, "restore", "--from", backup, "--data", filepath.Join(filepath.Dir(w.data), "restored"))
}

// released waits until target has what source has.
func (w *world) released(p *process) error {
	deadline := time.Now().Add(accordtest.Patience)
	for {
		from, err := manifest(p, source)
		if err != nil {
			return err
		}
		to, err := manifest(p, target)
		if err != nil {
			return err
		}
		missing, more := 0, 0
		for v := range from {
			if _, ok := to[version{target, v.id, v.version}]; !ok {
				missing++
			}
		}
		for v := range to {
			if _, ok := from[version{source, v.id, v.version}]; !ok {
				more++
			}
		}
		if missing == 0 && more == 0 {
			w.t.compared++
			log.Printf("released: %d versions, the same in both", len(from))
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v the target lacks %d versions of the source's %d and has %d too many", accordtest.Patience, missing, len(from), more)
		}
		<-time.After(100 * time.Millisecond)
	}
}
