//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A dirLock keeps other processes, and other Servers of this one, out of a store
// folder. The kernel drops it when the process ends, however it ends.
type dirLock struct{ file *os.File }

const lockName = "perennial.lock"

// lockDir takes the lock or returns ErrLocked, naming the process that holds it.
func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		holder, _ := io.ReadAll(io.LimitReader(f, 256))
		who := strings.TrimSpace(string(holder))
		if who == "" {
			who = "a process that did not say its number"
		}
		return nil, fmt.Errorf("%s: %w: held by %s; stop it, or give this one another dir", dir, ErrLocked, who)
	}
	line := fmt.Sprintf("process %d", os.Getpid())
	if host, err := os.Hostname(); err == nil {
		line += " on " + host
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, line+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock %s: %w", path, err), f.Close())
	}
	return &dirLock{file: f}, nil
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// release gives the folder back. The file stays: removing it would race with a process
// that has it open and waits.
func (l *dirLock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}
