package durable

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// ErrLocked says that another holder has the lock.
var ErrLocked = errors.New("durable: locked by another holder")

// TempSuffix ends the names of files that are not committed yet.
const TempSuffix = ".tmp"

// A File is open for writing (from Create) or for reading (from Open).
type File interface {
	io.Reader
	io.Writer
	io.Closer
	// Sync returns once the content, not the name, survives a crash.
	Sync() error
}

// An FS is what durable writing needs of a file system. Names are slash or
// native paths; a missing one is an error that matches fs.ErrNotExist.
type FS interface {
	// Create makes a new file for writing; one that exists is fs.ErrExist.
	Create(name string) (File, error)
	Open(name string) (File, error)
	// Size returns the length of a file in bytes.
	Size(name string) (int64, error)
	// List returns the names in a folder, sorted.
	List(dir string) ([]string, error)
	// Rename replaces to, if it exists, in one step.
	Rename(from, to string) error
	Remove(name string) error
	// Mkdir makes one folder; one that exists is no error.
	Mkdir(dir string) error
	// SyncDir returns once the names in dir survive a crash.
	SyncDir(dir string) error
	// Lock takes an exclusive advisory lock, held until Close or the end of the
	// process. A lock that is held is ErrLocked, at once.
	Lock(name string) (io.Closer, error)
}

// A Hook is called at named points around each durable step. An error from it
// fails the step; tests and failpoints also use it to end the process there.
type Hook func(point string) error

// Step runs f between the points name+":before" and name+":after".
func (h Hook) Step(name string, f func() error) error {
	if h == nil {
		return f()
	}
	if err := h(name + ":before"); err != nil {
		return fmt.Errorf("at %s:before: %w", name, err)
	}
	if err := f(); err != nil {
		return err
	}
	if err := h(name + ":after"); err != nil {
		return fmt.Errorf("at %s:after: %w", name, err)
	}
	return nil
}

// MkdirAll makes dir and its missing parents, each of them durably.
func MkdirAll(fsys FS, dir string) error {
	dir = filepath.Clean(dir)
	if _, err := fsys.List(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir); err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	if err := fsys.SyncDir(parent); err != nil {
		return fmt.Errorf("sync folder %s: %w", parent, err)
	}
	return nil
}

// StageFile writes data to name+TempSuffix and syncs it. A leftover of an
// earlier crash is replaced. The hook sees step+".sync".
func StageFile(fsys FS, name string, data []byte, hook Hook, step string) (err error) {
	temp := name + TempSuffix
	if _, err := fsys.Size(temp); err == nil {
		if err := fsys.Remove(temp); err != nil {
			return fmt.Errorf("remove leftover %s: %w", temp, err)
		}
	}
	f, err := fsys.Create(temp)
	if err != nil {
		return fmt.Errorf("create %s: %w", temp, err)
	}
	if _, err = f.Write(data); err == nil {
		err = hook.Step(step+".sync", f.Sync)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", temp, err)
	}
	return nil
}

// CommitFile renames name+TempSuffix to name. The caller syncs the folder. The
// hook sees step+".rename".
func CommitFile(fsys FS, name string, hook Hook, step string) error {
	return hook.Step(step+".rename", func() error { return fsys.Rename(name+TempSuffix, name) })
}

// WriteFile replaces name by data: temp, sync, rename, sync of the folder. The
// hook sees step+".sync", step+".rename" and step+".syncdir".
func WriteFile(fsys FS, name string, data []byte, hook Hook, step string) error {
	if err := StageFile(fsys, name, data, hook, step); err != nil {
		return err
	}
	if err := CommitFile(fsys, name, hook, step); err != nil {
		return fmt.Errorf("commit %s: %w", name, err)
	}
	dir := filepath.Dir(name)
	if err := hook.Step(step+".syncdir", func() error { return fsys.SyncDir(dir) }); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// ErrTooLarge says that a file is longer than its reader allows.
var ErrTooLarge = errors.New("durable: file too large")

// ReadFile reads a whole file of at most limit bytes.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: %w: over %d bytes", name, ErrTooLarge, limit)
	}
	return data, nil
}
