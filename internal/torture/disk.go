package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// diskSize is the size of a node's own file system.
const diskSize = "1g"

// mountSmall mounts a file system in memory.
func mountSmall(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize) }

// unmount gives back the file system of a node that is not used any more.
func (h *herd) unmount(m *member) {
	if m.disk != "" {
		syscall.Unmount(m.disk, syscall.MNT_DETACH)
	}
}

func (h *herd) lacksDisk() string {
	if os.Getuid() != 0 {
		return "only root mounts a file system for it"
	}
	dir, err := os.MkdirTemp(h.t.dir, "try-")
	if err == nil {
		err = mountSmall(dir)
	}
	if err != nil {
		return fmt.Sprintf("a file system cannot be mounted here: %v", err)
	}
	syscall.Unmount(dir, syscall.MNT_DETACH)
	return ""
}

// fillDisk leaves no room on the disk of a node for a while. The node goes on by itself afterwards, or is started again.
func (h *herd) fillDisk(ctx context.Context) error {
	var m *member
	for _, one := range h.some(len(h.nodes())) {
		if one.disk != "" {
			m = one
		}
	}
	for m == nil || m.disk == "" { // those with a disk were removed
		var err error
		if m, err = h.swap(h.some(1)[0]); err != nil {
			return err
		}
	}
	ballast := filepath.Join(m.disk, "ballast")
	if err := fill(ballast); err != nil {
		return err
	}
	wait(ctx, time.Second+h.upTo(3*time.Second))
	if h.t.random.IntN(3) == 0 { // it does not even find room when it starts
		h.kill(m)
		if err := h.revive(m); err != nil {
			h.noticed["a node that did not start with a full disk"]++
		}
		wait(ctx, h.upTo(2*time.Second))
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if h.t.random.IntN(2) == 0 {
		wait(ctx, h.upTo(2*time.Second))
	}
	if m.process() != nil && h.t.random.IntN(2) == 0 {
		return nil // it goes on by itself
	}
	h.kill(m)
	return h.revive(m)
}

// fill writes a file until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for step := 1 << 20; step >= 4096; {
		if _, err := f.Write(make([]byte, step)); errors.Is(err, syscall.ENOSPC) {
			step /= 4
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (h *herd) lacksStrace() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "strace is not installed (Debian: apt-get install strace)"
	}
	return ""
}

// failSyncs has the system calls fail with which a node makes its writes durable. It acknowledges nothing that it has not synced.
func (h *herd) failSyncs(ctx context.Context) error {
	m := h.some(1)[0]
	p := m.process()
	tracer := exec.Command("strace", "-f", "-q", "-o", "/dev/null", "-p", strconv.Itoa(p.Cmd.Process.Pid), "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO")
	if err := tracer.Start(); err != nil {
		return err
	}
	wait(ctx, time.Second+h.upTo(3*time.Second))
	tracer.Process.Signal(os.Interrupt)
	tracer.Wait()
	h.kill(m)
	wait(ctx, h.upTo(time.Second))
	return h.revive(m)
}
