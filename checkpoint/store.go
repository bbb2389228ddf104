package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/perennial-ml/perennial/internal/durable"
)

const (
	prevFile = "index.prev.json"
	lockFile = ".lock"
)

// layoutMark is the whole content of oci-layout.
const layoutMark = `{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`

// A Store is an open folder of versions.
type Store struct {
	dir  string
	cfg  Config
	opts options
	lock io.Closer // nil: reading only

	writing sync.Mutex // held through every change of the folder; taken before mu

	mu        sync.Mutex
	index     *index                      // what is committed; stale if reading only
	raw       []byte                      // its bytes
	manifests map[digest.Digest]*document // by OCI manifest
	proven    map[proof]bool              // blobs that were read or written whole
	pins      map[digest.Digest]int       // OCI manifests in use, so their blobs stay
	closed    bool
}

// A document is a manifest that was read and checked. It is never changed.
type document struct {
	Manifest
	config digest.Digest // the blob that it lies in
}

// A proof names a blob by both of its digests.
type proof struct{ stored, plain string }

// Open opens the store in dir for writing, making it if need be. It removes what
// a crash left half done. Errors: ErrLocked, ErrCorrupt if both indexes are
// damaged, ErrFormat, ErrInvalid.
func Open(dir string, cfg Config, opts ...Option) (*Store, error) {
	s, err := newStore(dir, cfg, opts)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(s.opts.fs, s.blobs()); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	lock, err := s.opts.fs.Lock(s.path(lockFile))
	if errors.Is(err, durable.ErrLocked) {
		err = fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s.lock = lock
	if err := s.prepare(); err != nil {
		_ = lock.Close() // the first error is the one to tell
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

// OpenReader opens the store in dir for reading, beside a process that may be
// writing to it. Every call sees the newest commit. ErrNotFound if there is no
// store.
func OpenReader(dir string, cfg Config, opts ...Option) (*Store, error) {
	s, err := newStore(dir, cfg, opts)
	if err != nil {
		return nil, err
	}
	if _, err := s.snapshot(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if err := s.checkLayout(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

func newStore(dir string, cfg Config, opts []Option) (*Store, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Store{
		dir:       dir,
		cfg:       cfg,
		opts:      newOptions(opts),
		manifests: map[digest.Digest]*document{},
		proven:    map[proof]bool{},
		pins:      map[digest.Digest]int{},
	}, nil
}

// Close releases the lock. Readers that are open stay usable.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }
func (s *Store) blobs() string           { return filepath.Join(s.dir, v1.ImageBlobsDir, "sha256") }
func (s *Store) blob(d string) string {
	return filepath.Join(s.blobs(), strings.TrimPrefix(d, digestPrefix))
}

// prepare reads the index of a store that this process writes, repairs the
// layout's marker, and removes temporary files.
func (s *Store) prepare() error {
	x, raw, err := s.load()
	if errors.Is(err, ErrNotFound) {
		if x, raw, err = s.create(); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	s.index, s.raw = x, raw
	if err := s.checkLayout(); err != nil {
		return err
	}
	mark, err := durable.ReadFile(s.opts.fs, s.path(v1.ImageLayoutFile), 1<<10)
	if err != nil || string(mark) != layoutMark {
		if err := durable.WriteFile(s.opts.fs, s.path(v1.ImageLayoutFile), []byte(layoutMark), nil, ""); err != nil {
			return err
		}
	}
	for _, dir := range []string{s.dir, s.blobs()} {
		names, err := s.opts.fs.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.HasSuffix(name, durable.TempSuffix) {
				if err := s.opts.fs.Remove(filepath.Join(dir, name)); err != nil {
					return fmt.Errorf("remove leftover: %w", err)
				}
			}
		}
	}
	return nil
}

// create commits the empty index of a new store. The layout's marker follows
// it, so a folder with a marker and no index has lost one.
func (s *Store) create() (*index, []byte, error) {
	if _, err := s.opts.fs.Size(s.path(v1.ImageLayoutFile)); err == nil {
		return nil, nil, fmt.Errorf("%w: %s is there, %s is not", ErrCorrupt, v1.ImageLayoutFile, v1.ImageIndexFile)
	}
	x := &index{generation: 1, refs: map[string]ref{}}
	raw, err := x.encode()
	if err != nil {
		return nil, nil, err
	}
	return x, raw, durable.WriteFile(s.opts.fs, s.path(v1.ImageIndexFile), raw, nil, "")
}

// checkLayout refuses a layout from the future. A marker that cannot be read
// says nothing, and is told to the log: the next writer puts it right.
func (s *Store) checkLayout() error {
	raw, err := durable.ReadFile(s.opts.fs, s.path(v1.ImageLayoutFile), 1<<10)
	var layout v1.ImageLayout
	if err == nil {
		err = json.Unmarshal(raw, &layout)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a crash came between the first index and the marker
	}
	if err != nil {
		s.opts.log.Warn("layout marker is damaged", slog.String("store", s.dir), slog.Any("reason", err))
		return nil
	}
	if layout.Version == "" {
		s.opts.log.Warn("layout marker is damaged", slog.String("store", s.dir), slog.String("reason", "no version in it"))
		return nil
	}
	if layout.Version != v1.ImageLayoutVersion {
		return fmt.Errorf("%s: %w: OCI image layout %q; this build reads %s", v1.ImageLayoutFile, ErrFormat, layout.Version, v1.ImageLayoutVersion)
	}
	return nil
}

// load reads the index from disk, falling back to the one before it if it is
// damaged. ErrNotFound if there is neither.
func (s *Store) load() (*index, []byte, error) {
	x, raw, err := s.loadFile(v1.ImageIndexFile)
	if err == nil || errors.Is(err, ErrFormat) {
		return x, raw, err
	}
	x, raw, prevErr := s.loadFile(prevFile)
	if prevErr == nil {
		s.opts.log.Warn("index is damaged, using the one before it",
			slog.String("store", s.dir), slog.Any("reason", err), slog.Uint64("generation", x.generation))
		return x, raw, nil
	}
	if errors.Is(err, fs.ErrNotExist) && errors.Is(prevErr, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: no %s", ErrNotFound, v1.ImageIndexFile)
	}
	return nil, nil, fmt.Errorf("%w: neither index can be read: %w; %w", ErrCorrupt, err, prevErr)
}

func (s *Store) loadFile(name string) (*index, []byte, error) {
	raw, err := durable.ReadFile(s.opts.fs, s.path(name), maxIndex)
	if err != nil {
		return nil, nil, err
	}
	x, err := parseIndex(raw)
	return x, raw, err
}

// snapshot returns the committed index: from memory if this process writes the
// store, else from disk.
func (s *Store) snapshot() (*index, error) {
	s.mu.Lock()
	x, closed := s.index, s.closed
	s.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case s.lock != nil:
		return x, nil
	}
	x, raw, err := s.load()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(raw, s.raw) {
		s.index, s.raw = x, raw
		clear(s.proven)
		for d := range s.manifests {
			if s.pins[d] == 0 {
				delete(s.manifests, d)
			}
		}
	}
	return x, nil
}

// writable takes the writer's turn; the caller calls the function it returns.
func (s *Store) writable() (release func(), err error) {
	if s.lock == nil {
		return nil, ErrReadOnly
	}
	s.writing.Lock()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		s.writing.Unlock()
		return nil, ErrClosed
	}
	return s.writing.Unlock, nil
}

// commit makes next the index. The caller has the writer's turn, and everything
// that next names is durable. On an error memory follows what the disk says.
func (s *Store) commit(next *index) error {
	next.generation = s.index.generation + 1
	raw, err := next.encode()
	if err != nil {
		return err
	}
	if err := s.replaceIndex(raw); err != nil {
		if x, old, lerr := s.load(); lerr == nil {
			s.mu.Lock()
			s.index, s.raw = x, old
			s.mu.Unlock()
		}
		return fmt.Errorf("commit index: %w", err)
	}
	s.mu.Lock()
	s.index, s.raw = next, raw
	s.mu.Unlock()
	return nil
}

func (s *Store) replaceIndex(raw []byte) error {
	disk, hook := s.opts.fs, s.opts.hook
	name, prev := s.path(v1.ImageIndexFile), s.path(prevFile)
	if err := durable.StageFile(disk, prev, s.raw, hook, "checkpoint.prev"); err != nil {
		return err
	}
	if err := durable.StageFile(disk, name, raw, hook, "checkpoint.index"); err != nil {
		return err
	}
	if err := durable.CommitFile(disk, prev, hook, "checkpoint.prev"); err != nil {
		return err
	}
	if err := durable.CommitFile(disk, name, hook, "checkpoint.index"); err != nil {
		return err
	}
	return hook.Step("checkpoint.index.syncdir", func() error { return disk.SyncDir(s.dir) })
}
