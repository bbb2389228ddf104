package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/perennial-ml/perennial/internal/durable"
)

// Write makes a version durable and returns its manifest with StateHash and Blobs
// filled in. When it returns nil the version survives a crash; on any error the
// store is as before. Each blob is hashed and compressed in one pass, and kept
// only if the store has not its bytes already.
//
// Writing a version again with the same state is harmless, and heals what was
// damaged of it; with another state it is ErrConflict (Remove it first). Other
// errors: ErrInvalid, ErrTooLarge, ErrReadOnly, ErrClosed, ctx's, and the
// blobs' own.
func (s *Store) Write(ctx context.Context, m Manifest, blobs []Blob) (Manifest, error) {
	done, err := s.write(ctx, m, blobs, false)
	if err != nil {
		return Manifest{}, fmt.Errorf("write checkpoint %s: %w", m.Version, err)
	}
	return done, nil
}

// Complete is Write for a version that may be stored with nothing but its weights: the
// whole state takes its place in one commit, and what named it names the whole. It is
// ErrConflict if the stored version has another state, or other weights.
func (s *Store) Complete(ctx context.Context, m Manifest, blobs []Blob) (Manifest, error) {
	done, err := s.write(ctx, m, blobs, true)
	if err != nil {
		return Manifest{}, fmt.Errorf("complete checkpoint %s: %w", m.Version, err)
	}
	return done, nil
}

func (s *Store) write(ctx context.Context, m Manifest, blobs []Blob, complete bool) (Manifest, error) {
	if err := checkBlobs(blobs); err != nil {
		return m, err
	}
	m, err := m.normal()
	if err != nil {
		return m, err
	}
	release, err := s.writable()
	if err != nil {
		return m, err
	}
	defer release()

	known := s.known()
	m.Blobs = make([]BlobInfo, len(blobs))
	for i, b := range blobs {
		if m.Blobs[i], err = s.storeBlob(ctx, b, known); err != nil {
			return m, fmt.Errorf("blob %s: %w", b.Name, err)
		}
		known[m.Blobs[i].Digest] = m.Blobs[i]
	}
	m.StateHash = StateHash(m.Blobs)
	return m, s.enter(ctx, m, complete)
}

// enter puts a version, whose blobs are in the folder, into the index. With complete it
// may take the place of the version's weights alone.
func (s *Store) enter(ctx context.Context, m Manifest, complete bool) error {
	config, err := encodeJSON(m)
	if err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrInvalid, err)
	}
	doc, err := ociManifest(m, config)
	if err != nil {
		return fmt.Errorf("%w: manifest: %w", ErrInvalid, err)
	}
	if n := max(len(config), len(doc)); n > maxManifest {
		return fmt.Errorf("manifest: %w: %d bytes, at most %d", ErrTooLarge, n, maxManifest)
	}
	e := entry{version: m.Version, logTime: m.LogTime, digest: digest.Digest(digestOf(doc)), size: int64(len(doc))}
	old, exists := s.index.find(m.Version)
	if exists {
		was, err := s.manifest(old)
		if err == nil && was.StateHash != m.StateHash && !(complete && was.weightsOf(m)) {
			return fmt.Errorf("%w: stored %s, new %s", ErrConflict, was.StateHash, m.StateHash)
		}
	}
	for _, raw := range [][]byte{config, doc} {
		if err := s.putBytes(raw); err != nil {
			return err
		}
	}
	if err := s.opts.hook.Step("checkpoint.blob.syncdir", func() error { return s.opts.fs.SyncDir(s.blobs()) }); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if exists && old == e {
		return nil
	}
	if err := s.commit(s.index.with(e)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.manifests[e.digest] = &document{m, digest.Digest(digestOf(config))}
	return nil
}

// known maps the plain digests of all stored blobs to where they are. Of equal
// ones the newest version's wins.
func (s *Store) known() map[string]BlobInfo {
	known := map[string]BlobInfo{}
	for _, e := range s.index.entries {
		m, err := s.manifest(e)
		if err != nil {
			continue // what cannot be read cannot be referred to
		}
		for _, b := range m.Blobs {
			known[b.Digest] = b
		}
	}
	return known
}

// reuse describes b by a stored blob of the same bytes, if there is one and it
// is whole.
func (s *Store) reuse(ctx context.Context, b Blob, plain string, known map[string]BlobInfo) (BlobInfo, bool) {
	info, ok := known[plain]
	if !ok || s.prove(ctx, info) != nil {
		return BlobInfo{}, false
	}
	info.Name, info.MediaType = b.Name, b.MediaType
	return info, true
}

// prove reads a blob to its end unless this process did so before, or wrote it.
func (s *Store) prove(ctx context.Context, info BlobInfo) error {
	s.mu.Lock()
	good := s.proven[proof{info.Stored, info.Digest}]
	s.mu.Unlock()
	if size, err := s.opts.fs.Size(s.blob(info.Stored)); good && err == nil && size == info.StoredLen {
		return nil
	}
	return s.verify(ctx, info, nil)
}

// storeBlob encodes b into the folder, or finds its bytes there.
func (s *Store) storeBlob(ctx context.Context, b Blob, known map[string]BlobInfo) (BlobInfo, error) {
	given := b.known()
	if given != "" {
		if info, ok := s.reuse(ctx, b, given, known); ok {
			return info, nil
		}
	}
	temp := s.blob("incoming") + durable.TempSuffix
	if err := s.removeLeftover(temp); err != nil {
		return BlobInfo{}, err
	}
	f, err := s.opts.fs.Create(temp)
	if err != nil {
		return BlobInfo{}, err
	}
	info, err := s.compress(ctx, f, b)
	if err == nil && given != "" && given != info.Digest {
		err = fmt.Errorf("%w: digest given as %s, bytes have %s", ErrInvalid, given, info.Digest)
	}
	stored, reused := BlobInfo{}, false
	if err == nil {
		if stored, reused = s.reuse(ctx, b, info.Digest, known); !reused {
			err = s.opts.hook.Step("checkpoint.blob.sync", f.Sync)
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil || reused {
		if rerr := s.opts.fs.Remove(temp); rerr != nil && err == nil {
			s.opts.log.Warn("leftover stays until the next blob", slog.String("file", temp), slog.Any("reason", rerr))
		}
		return stored, err
	}
	err = s.opts.hook.Step("checkpoint.blob.rename", func() error { return s.opts.fs.Rename(temp, s.blob(info.Stored)) })
	if err != nil {
		return BlobInfo{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven[proof{info.Stored, info.Digest}] = true
	return info, nil
}

// compress runs b through hash, zstd, hash into f, in one pass.
func (s *Store) compress(ctx context.Context, f io.Writer, b Blob) (BlobInfo, error) {
	stored := newDigester(f)
	enc, err := newCompressor(stored, s.cfg.Compression)
	if err != nil {
		return BlobInfo{}, err
	}
	plain := newDigester(enc)
	if err := b.Write(&ctxWriter{ctx, &boundedWriter{plain, s.cfg.MaxBlob}}); err != nil {
		_ = enc.Close() // the bytes are thrown away
		return BlobInfo{}, err
	}
	if err := enc.Close(); err != nil {
		return BlobInfo{}, err
	}
	return BlobInfo{
		Name: b.Name, MediaType: b.MediaType,
		Digest: plain.digest(), Size: plain.n,
		Stored: stored.digest(), StoredLen: stored.n,
	}, nil
}

func (s *Store) removeLeftover(temp string) error {
	if _, err := s.opts.fs.Size(temp); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s.opts.fs.Remove(temp)
}

// putBytes stores a small blob as it is, unless it is there and whole.
func (s *Store) putBytes(raw []byte) error {
	name := s.blob(digestOf(raw))
	if have, err := durable.ReadFile(s.opts.fs, name, maxManifest); err == nil && bytes.Equal(have, raw) {
		return nil
	}
	if err := durable.StageFile(s.opts.fs, name, raw, s.opts.hook, "checkpoint.blob"); err != nil {
		return err
	}
	return durable.CommitFile(s.opts.fs, name, s.opts.hook, "checkpoint.blob")
}

// Remove takes versions out of the index and collects their blobs. ErrNotFound
// if one is not there, ErrNamed if a channel or tag names it; then none goes.
func (s *Store) Remove(ctx context.Context, versions ...Version) error {
	release, err := s.writable()
	if err != nil {
		return err
	}
	defer release()
	for _, v := range versions {
		if _, ok := s.index.find(v); !ok {
			return fmt.Errorf("remove %s: %w", v, ErrNotFound)
		}
		if names := s.index.named(v); len(names) > 0 {
			return fmt.Errorf("remove %s: %w: %v", v, ErrNamed, names)
		}
	}
	return s.drop(ctx, versions)
}

// drop commits an index without versions, then collects what nothing needs.
func (s *Store) drop(ctx context.Context, versions []Version) error {
	if len(versions) > 0 {
		next := s.index.clone()
		next.entries = slices.DeleteFunc(next.entries, func(e entry) bool { return slices.Contains(versions, e.version) })
		if err := s.commit(next); err != nil {
			return err
		}
	}
	return s.collect(ctx)
}
