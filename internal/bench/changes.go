package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// changedKinds are the releases that changes compares: the first passes objects on as they are.
var changedKinds = []struct{ name, terms string }{
	{"as they are", ""},
	{"without a property", ", change: {author: keep, remove: [description]}"},
	{"without their authors", ", change: {author: remove, remove: [x_internal]}"},
}

// changes measures how much longer objects take into forty targets when each release changes them on the way.
func changes(ctx context.Context, j job) error {
	s := j.report.begin("changes")
	t := table{title: fmt.Sprintf("%d objects into %d targets, changed on the way", onwardObjects, targets), head: []string{"objects go", "in all targets after", "of unchanged"}}
	var plain time.Duration
	for n, kind := range changedKinds {
		took, err := j.fanOut(ctx, fmt.Sprintf("changes-%d", n), releaseFile(kind.terms))
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		if n == 0 {
			plain = took
		}
		t.add(kind.name, fmt.Sprintf("%.1f s", took.Seconds()), fmt.Sprintf("%.2f", took.Seconds()/plain.Seconds()))
	}
	s.table(t)
	s.end()
	return nil
}

// fanOut returns how long it takes from the first push until all objects are in all targets.
func (j *job) fanOut(ctx context.Context, folder, file string) (time.Duration, error) {
	ops, err := freeAddress()
	if err != nil {
		return 0, err
	}
	a, err := startExchange(ctx, j.bin, filepath.Join(j.scratch, folder), file, "--ops-listen", ops)
	if err != nil {
		return 0, err
	}
	defer a.stop()
	const first = 1000 // they warm up
	if err := fill(ctx, a, 0, first); err != nil {
		return 0, err
	}
	if err := awaitReleased(ctx, ops, targets*distinct(first)); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := fill(ctx, a, first, first+onwardObjects); err != nil {
		return 0, err
	}
	err = awaitReleased(ctx, ops, targets*distinct(first+onwardObjects))
	return time.Since(began), err
}
