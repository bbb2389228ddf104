package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/perennial-ml/perennial/internal/durable"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// A Saved is one stored version. It keeps the version's blobs on disk, against
// this process's own retention, until Close.
type Saved struct {
	store    *Store
	entry    entry
	manifest *document
	unpin    func()
}

// Versions lists what can be listed, newest first. A version whose manifest is
// damaged is told to the log and left out; Fsck names it.
func (s *Store) Versions() ([]Manifest, error) {
	x, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	list := make([]Manifest, 0, len(x.entries))
	for _, e := range slices.Backward(x.entries) {
		m, err := s.manifest(e)
		if err != nil {
			s.opts.log.Warn("version cannot be listed", slog.String("version", e.version.String()), slog.Any("reason", err))
			continue
		}
		list = append(list, m.Manifest)
	}
	return list, nil
}

// Get opens a version. Only its manifest is read and checked yet. Errors:
// ErrNotFound, ErrCorrupt, ErrFormat.
func (s *Store) Get(v Version) (*Saved, error) {
	x, err := s.snapshot()
	if err != nil {
		return nil, fmt.Errorf("open checkpoint %s: %w", v, err)
	}
	s.mu.Lock()
	if s.lock != nil {
		x = s.index // as it is while the pin is set
	}
	e, ok := x.find(v)
	if ok {
		s.pins[e.digest]++
	}
	s.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open checkpoint %s: %w", v, ErrNotFound)
	}
	m, err := s.manifest(e)
	if err != nil {
		s.unpin(e.digest)
		return nil, fmt.Errorf("open checkpoint %s: %w", v, err)
	}
	return &Saved{store: s, entry: e, manifest: m, unpin: sync.OnceFunc(func() { s.unpin(e.digest) })}, nil
}

func (s *Store) unpin(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pins[d]--; s.pins[d] == 0 {
		delete(s.pins, d)
	}
}

// Latest opens the newest version that is whole, having read every byte of it.
// It passes over damaged ones, with a warning for each. Errors: ErrNone if the
// store is empty, ErrFormat at the first version of a format from the future,
// ErrCorrupt if every version is damaged, ctx's.
func (s *Store) Latest(ctx context.Context) (*Saved, error) {
	for {
		x, err := s.snapshot()
		if err != nil {
			return nil, err
		}
		saved, err := s.latest(ctx, x)
		if err != nil && s.lock == nil && ctx.Err() == nil {
			// Another process may have removed what this one was reading.
			if now, serr := s.snapshot(); serr == nil && now.generation != x.generation {
				continue
			}
		}
		return saved, err
	}
}

func (s *Store) latest(ctx context.Context, x *index) (*Saved, error) {
	if len(x.entries) == 0 {
		return nil, ErrNone
	}
	var reasons []error
	for _, e := range slices.Backward(x.entries) {
		saved, err := s.Get(e.version)
		if err == nil {
			if err = saved.Verify(ctx, nil); err == nil {
				return saved, nil
			}
			saved.Close()
		}
		if ctx.Err() != nil || errors.Is(err, ErrFormat) || errors.Is(err, ErrClosed) {
			return nil, err
		}
		s.opts.log.Warn("version is damaged, falling back to the one before it",
			slog.String("version", e.version.String()), slog.Any("reason", err))
		reasons = append(reasons, err)
	}
	return nil, fmt.Errorf("%w: none of %d versions is whole: %w", ErrCorrupt, len(reasons), errors.Join(reasons...))
}

// manifest reads and checks what the index names, or returns it from memory.
func (s *Store) manifest(e entry) (*document, error) {
	s.mu.Lock()
	m, ok := s.manifests[e.digest]
	s.mu.Unlock()
	if ok {
		return m, nil
	}
	m, err := s.readManifest(e)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manifests[e.digest] = m
	return m, nil
}

// readManifest reads a version's two documents from disk.
func (s *Store) readManifest(e entry) (*document, error) {
	m, err := s.readDocument(e.digest, e.size)
	if err != nil {
		return nil, err
	}
	if m.Version != e.version {
		return nil, fmt.Errorf("%w: the index says %s, the config %s", ErrCorrupt, e.version, m.Version)
	}
	return m, nil
}

func (s *Store) readDocument(d digest.Digest, size int64) (*document, error) {
	raw, err := s.getBytes(d, size)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	doc, err := parseOCI(raw)
	if err != nil {
		return nil, err
	}
	if raw, err = s.getBytes(doc.Config.Digest, doc.Config.Size); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return parseConfig(raw, doc)
}

// getBytes reads a small blob that is stored as it is.
func (s *Store) getBytes(d digest.Digest, size int64) ([]byte, error) {
	raw, err := durable.ReadFile(s.opts.fs, s.blob(d.String()), size)
	if err != nil {
		return nil, &damage{d, fmt.Errorf("%w: %w", ErrCorrupt, err)}
	}
	if got := digestOf(raw); got != d.String() {
		return nil, &damage{d, fmt.Errorf("%w: bytes have %s, want %s", ErrCorrupt, got, d)}
	}
	return raw, nil
}

// A damage is an error that knows which blob it is in.
type damage struct {
	blob digest.Digest
	err  error
}

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// verify reads a blob to its end and adds the stored bytes to progress.
func (s *Store) verify(ctx context.Context, info BlobInfo, progress func(n int64)) error {
	r, err := s.openBlob(info, nil)
	if err == nil {
		_, err = io.Copy(&ctxWriter{ctx, io.Discard}, r)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
	}
	if progress != nil {
		progress(info.StoredLen)
	}
	return err
}

func (s *Store) openBlob(info BlobInfo, closed func()) (*blobReader, error) {
	return newBlobReader(s.opts.fs, s.blob(info.Stored), info, s.cfg.MaxBlob, s.judged, closed)
}

// judged remembers whether a blob that was read was whole.
func (s *Store) judged(info BlobInfo, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if whole {
		s.proven[proof{info.Stored, info.Digest}] = true
	} else {
		delete(s.proven, proof{info.Stored, info.Digest})
	}
}

// Manifest describes the version. The caller must not change its slices.
func (v *Saved) Manifest() Manifest { return v.manifest.Manifest }

// Close lets retention have the version's blobs. A second call does nothing.
func (v *Saved) Close() { v.unpin() }

// Verify reads every blob of the version to its end. ErrCorrupt if one is not as
// the manifest says. progress, if not nil, hears how many stored bytes of how
// many are done.
func (v *Saved) Verify(ctx context.Context, progress func(done, total int64)) error {
	var done, total int64
	for _, b := range v.manifest.Blobs {
		total += b.StoredLen
	}
	for _, b := range v.manifest.Blobs {
		if err := v.store.verify(ctx, b, nil); err != nil {
			return fmt.Errorf("verify checkpoint %s: %w", v.manifest.Version, err)
		}
		if done += b.StoredLen; progress != nil {
			progress(done, total)
		}
	}
	return nil
}

// Open streams the plain bytes of a blob. What was read is proven only when the
// reader returns io.EOF; damage shows as ErrCorrupt in its place. The reader
// keeps the blob on disk, apart from v. Errors: ErrNotFound, ErrCorrupt.
func (v *Saved) Open(name string) (io.ReadCloser, error) {
	info, ok := v.manifest.Blob(name)
	if !ok {
		return nil, fmt.Errorf("open checkpoint %s: blob %s: %w", v.manifest.Version, name, ErrNotFound)
	}
	s, d := v.store, v.entry.digest
	s.mu.Lock()
	s.pins[d]++
	s.mu.Unlock()
	r, err := s.openBlob(info, func() { s.unpin(d) })
	if err != nil {
		s.unpin(d)
		return nil, fmt.Errorf("open checkpoint %s: %w", v.manifest.Version, err)
	}
	return r, nil
}

// ReadBlob returns the whole of a blob, proven. Memory grows with what is really
// there, up to Config.MaxBlob.
func (v *Saved) ReadBlob(name string) ([]byte, error) {
	r, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("read checkpoint %s: %w", v.manifest.Version, err)
	}
	return b.Bytes(), nil
}

// Weights decodes the version's parameters, proven. It reads the chunks that have, which
// may be nil, does not hold, and shares the others with it.
func (v *Saved) Weights(have *models.Frozen) (*models.Frozen, error) {
	head, err := v.ReadBlob(WeightsBlob)
	if err != nil {
		return nil, err
	}
	f, more, err := safetensors.Join(head, func(tensor, chunk int) (*models.Chunk, error) {
		return v.chunk(tensor, chunk, have)
	})
	if err == nil && len(more) > 0 {
		err = fmt.Errorf("%w: %q is %s, parameters are F32", ErrCorrupt, more[0].Name, more[0].DType)
	}
	if err != nil {
		return nil, fmt.Errorf("weights of checkpoint %s: %w", v.manifest.Version, err)
	}
	return f, nil
}

// chunk returns a chunk of the weights, from have if it has the digest.
func (v *Saved) chunk(tensor, chunk int, have *models.Frozen) (*models.Chunk, error) {
	name := WeightsBlob + safetensors.Suffix(tensor, chunk)
	info, ok := v.manifest.Blob(name)
	if !ok {
		return nil, fmt.Errorf("%w: no blob %s", ErrCorrupt, name)
	}
	if have != nil && tensor < len(have.Tensors()) {
		if list := have.Tensors()[tensor].Chunks; chunk < len(list) && list[chunk].Digest() == info.Digest {
			return list[chunk], nil
		}
	}
	data, err := v.ReadBlob(name)
	if err != nil {
		return nil, err
	}
	c, err := safetensors.DecodeChunk(data)
	if err == nil {
		c.Seal.Set(info.Digest)
	}
	return c, err
}
