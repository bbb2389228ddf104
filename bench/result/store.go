package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/perennial-ml/perennial/internal/durable"
)

// ErrCorrupt is returned for a file of results that holds a line that is no run.
var ErrCorrupt = errors.New("result: corrupt file")

const maxFile = 1 << 30 // bytes

// Path returns the file of a suite's results.
func Path(folder, suite string) string { return filepath.Join(folder, suite+".jsonl") }

// Read returns the runs in a file, in its order, and how many bytes of it they take: a
// torn last line is left out. A file that is not there holds none.
func Read(path string) (runs []Run, whole int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil || len(raw) > maxFile {
		return nil, 0, errors.Join(fmt.Errorf("read %s: more than %d bytes, or", path, maxFile), err)
	}
	for line := 1; ; line++ {
		text, rest, complete := bytes.Cut(raw[whole:], []byte("\n"))
		if !complete {
			return runs, whole, nil
		}
		var r Run
		if err := json.Unmarshal(text, &r); err != nil || r.Suite == "" || r.Method == "" {
			return nil, 0, fmt.Errorf("%w: %s, line %d is not a run: %v", ErrCorrupt, path, line, err)
		}
		runs = append(runs, r)
		whole = int64(len(raw) - len(rest))
	}
}

// A Store is a suite's results, open to be added to.
type Store struct {
	mu   sync.Mutex
	file *os.File
	lock io.Closer
	runs []Run
}

// Open opens, or makes, the results of a suite. It returns durable.ErrLocked if another
// process adds to them.
func Open(folder, suite string) (*Store, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("open results of %s: %w", suite, err)
	}
	path := Path(folder, suite)
	lock, err := durable.OS{}.Lock(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open results of %s: %w", suite, err)
	}
	s := &Store{lock: lock}
	if err := s.load(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open results of %s: %w", suite, err), lock.Close())
	}
	return s, nil
}

func (s *Store) load(path string) error {
	runs, whole, err := Read(path)
	if err != nil {
		return err
	}
	s.runs = runs
	if s.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	if err = s.file.Truncate(whole); err == nil {
		_, err = s.file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return errors.Join(err, s.file.Close())
	}
	return nil
}

// Runs returns the runs so far.
func (s *Store) Runs() []Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Run(nil), s.runs...)
}

// Has reports whether a run of that method, digest and seed is there.
func (s *Store) Has(method, digest string, seed uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.Method == method && r.Digest == digest && r.Seed == seed {
			return true
		}
	}
	return false
}

// Append writes a run down. When it returns nil the run is on disk.
func (s *Store) Append(r Run) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write down %s/%s, seed %d: %w", r.Suite, r.Method, r.Seed, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write down %s/%s, seed %d: %w", r.Suite, r.Method, r.Seed, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("write down %s/%s, seed %d: %w", r.Suite, r.Method, r.Seed, err)
	}
	s.runs = append(s.runs, r)
	return nil
}

// Close lets others add to the results.
func (s *Store) Close() error { return errors.Join(s.file.Close(), s.lock.Close()) }
