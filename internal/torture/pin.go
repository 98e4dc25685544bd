package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// serverProcessor is the one that the server has for itself in [torture.attacked], while the clients have the others: what
// attackers spend on their own side would be spent on another machine.
const serverProcessor = 0

// clientProcessors are all processors but the server's; all of them where there is only one.
func clientProcessors() (set unix.CPUSet) {
	for n := range runtime.NumCPU() {
		if n != serverProcessor || runtime.NumCPU() == 1 {
			set.Set(n)
		}
	}
	return set
}

// onServerProcessor starts a process there.
func onServerProcessor(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set unix.CPUSet
	set.Set(serverProcessor)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin the server to a processor: %w", err)
	}
	err := start()
	set = clientProcessors()
	if back := unix.SchedSetaffinity(0, &set); back != nil {
		return fmt.Errorf("pin the clients to the other processors: %w", back)
	}
	return err
}

// pinClients keeps this process, and those that it starts, off the server's processor.
func pinClients() error {
	set := clientProcessors()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &set); err != nil && err != unix.ESRCH {
			return fmt.Errorf("pin the clients to the other processors: %w", err)
		}
	}
	return nil
}
