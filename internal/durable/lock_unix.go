//go:build unix

package durable

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Lock implements FS with flock(2): the kernel releases it when the process
// ends, however it ends, so no stale lock outlives a crash. The file says which
// process holds the lock, for the message that others get.
func (OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := io.ReadAll(io.LimitReader(f, 256)) // what cannot be read is not told
			return nil, fmt.Errorf("lock %s: %w: %s", name, ErrLocked, cmp.Or(strings.TrimSpace(string(holder)), "a process that did not say its number"))
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	line := fmt.Sprintf("process %d", os.Getpid())
	if host, err := os.Hostname(); err == nil {
		line += " on " + host
	}
	// Who holds a lock is a courtesy: a disk that is full must not keep it from being taken.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(line+"\n"), 0)
	}
	return f, nil
}
