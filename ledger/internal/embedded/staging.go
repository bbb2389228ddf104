package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// A batch is staged before it is committed: the broker writes it to a folder "batches"
// beside the stream's, syncs that, copies it into the stream, and syncs again. Staging
// makes a batch atomic over a loss of power, which nobody here asks for: an event counts
// once its batch is acknowledged, and that is after the stream's own sync. It costs five
// of a batch's six syncs.
//
// So where there is a file system in memory, "batches" is a link to a folder there. A
// killed process finds the staged rest of its last batch again; after a loss of power
// that rest is gone, and the log may hold the beginning of a batch whose writer was told
// nothing. If the broker one day stages elsewhere, the link is idle and nothing else
// changes.
const (
	stagingPrefix = "perennial-staging-"
	// stagingOwner is a file in a staging folder that names the log folder it serves.
	stagingOwner = "owner"
	// stagingRoom is what must be free: two batches under way, and their blocks.
	stagingRoom = 64 << 20
)

// staging is one stream's link, where it leads, and the lock that says that the folder
// there is in use.
type staging struct {
	link, target string
	lock         *dirLock
}

// streamFolder is where the embedded server keeps a stream.
func streamFolder(dir, stream string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", stream)
}

// stagings are the links of an embedded server's streams. It is safe for concurrent use.
type stagings struct {
	dir  string // of the log
	root string // a file system in memory, "" if there is none
	log  *slog.Logger

	mu sync.Mutex
	of map[string]*staging // by stream; nil for one that is staged on disk for good
}

// add links a stream's staging to memory, unless it is, and reports whether it is now.
// Otherwise the broker stages on disk.
func (s *stagings) add(stream string) bool {
	if s.root == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st, known := s.of[stream]; known {
		return st != nil
	}
	st, err := newStaging(s.dir, s.root, stream)
	if err != nil {
		s.log.Debug("batches are staged on disk", "stream", stream, "reason", err)
	}
	if s.of == nil {
		s.of = map[string]*staging{}
	}
	s.of[stream] = st
	return st != nil
}

// drop lets the broker stage a stream's batches on disk from now on.
func (s *stagings) drop(stream string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.of[stream]
	s.of[stream] = nil
	return st.drop()
}

// close removes every link, once the server has stopped.
func (s *stagings) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.of {
		errs = append(errs, st.drop())
	}
	s.of = nil
	return errors.Join(errs...)
}

func newStaging(dir, root, stream string) (*staging, error) {
	owner, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	target, err := os.MkdirTemp(root, stagingPrefix)
	if err != nil {
		return nil, err
	}
	s := &staging{link: filepath.Join(streamFolder(dir, stream), "batches"), target: target}
	s.lock, err = lockDir(target)
	if err == nil {
		err = os.WriteFile(filepath.Join(target, stagingOwner), []byte(owner), 0o600)
	}
	if err == nil {
		// Nothing is staged between the server's start and the first append; what is
		// there has served its recovery.
		err = os.RemoveAll(s.link)
	}
	if err == nil {
		err = os.Symlink(target, s.link)
	}
	if err != nil {
		return nil, errors.Join(err, s.drop())
	}
	return s, nil
}

// drop takes the link away, so that the broker stages on disk. The server may run.
func (s *staging) drop() error {
	if s == nil {
		return nil
	}
	var err error
	if to, lerr := os.Readlink(s.link); lerr == nil && to == s.target {
		err = os.Remove(s.link)
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.release())
	}
	if err = errors.Join(err, os.RemoveAll(s.target)); err != nil {
		return fmt.Errorf("remove the staging of batches: %w", err)
	}
	return nil
}

// leftStaging returns the staging folders under root that killed processes left behind and
// that a start on dir makes useless: its own log's, which the server reads when it starts,
// and those of logs that are gone.
func leftStaging(dir, root string) []string {
	if root == "" {
		return nil
	}
	mine, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	targets, err := filepath.Glob(filepath.Join(root, stagingPrefix+"*"))
	if err != nil {
		return nil
	}
	var left []string
	for _, target := range targets {
		owner, err := os.ReadFile(filepath.Join(target, stagingOwner))
		if err != nil {
			continue // another user's, or one that is being made
		}
		if _, err := os.Stat(string(owner)); string(owner) != mine && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		lock, err := lockDir(target)
		if err != nil {
			continue // it is in use: dir's path may mean another folder to another container
		}
		if err := lock.release(); err == nil {
			left = append(left, target)
		}
	}
	return left
}
