package checkpoint

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/perennial-ml/perennial/internal/durable"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// maxArchive bounds the entries of an archive that Import reads.
const maxArchive = 1 << 15

// Export writes one version as a tar of an OCI image layout, which registry
// tools open and Import reads. Equal versions give equal archives. Damage found
// on the way is ErrCorrupt, and what was written by then is to be thrown away.
func (s *Store) Export(ctx context.Context, v Version, w io.Writer) error {
	saved, err := s.Get(v)
	if err != nil {
		return err
	}
	defer saved.Close()
	x := (&index{generation: 1}).with(saved.entry)
	raw, err := x.encode()
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := addFile(t, v1.ImageLayoutFile, []byte(layoutMark)); err != nil {
		return err
	}
	if err := addFile(t, v1.ImageIndexFile, raw); err != nil {
		return err
	}
	doc, err := s.getBytes(saved.entry.digest, saved.entry.size)
	if err != nil {
		return fmt.Errorf("export %s: %w", v, err)
	}
	config, err := s.getBytes(saved.manifest.config, maxManifest)
	if err != nil {
		return fmt.Errorf("export %s: %w", v, err)
	}
	for _, b := range [][]byte{doc, config} {
		if err := addFile(t, s.relative(digestOf(b)[len(digestPrefix):]), b); err != nil {
			return err
		}
	}
	sent := map[string]bool{}
	for _, b := range saved.manifest.Blobs {
		if sent[b.Stored] {
			continue
		}
		sent[b.Stored] = true
		if err := s.addBlob(ctx, t, b); err != nil {
			return fmt.Errorf("export %s: blob %s: %w", v, b.Name, err)
		}
	}
	return t.Close()
}

// header leaves out all that differs between two exports of one version.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, Format: tar.FormatPAX}
}

func addFile(t *tar.Writer, name string, data []byte) error {
	if err := t.WriteHeader(header(name, int64(len(data)))); err != nil {
		return err
	}
	_, err := t.Write(data)
	return err
}

// addBlob copies the stored bytes, checking them on the way.
func (s *Store) addBlob(ctx context.Context, t *tar.Writer, b BlobInfo) error {
	f, err := s.opts.fs.Open(s.blob(b.Stored))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	defer f.Close()
	if err := t.WriteHeader(header(s.relative(b.Stored[len(digestPrefix):]), b.StoredLen)); err != nil {
		return err
	}
	sum := newDigester(&ctxWriter{ctx, t})
	if n, err := io.Copy(sum, io.LimitReader(f, b.StoredLen)); err != nil || n != b.StoredLen {
		return errors.Join(fmt.Errorf("%w: %d bytes copied of %d", ErrCorrupt, n, b.StoredLen), err)
	}
	if got := sum.digest(); got != b.Stored {
		return fmt.Errorf("%w: stored bytes have %s, want %s", ErrCorrupt, got, b.Stored)
	}
	return nil
}

// ExportWeights writes a version's weights as one plain safetensors file.
func (s *Store) ExportWeights(ctx context.Context, v Version, w io.Writer) error {
	saved, err := s.Get(v)
	if err != nil {
		return err
	}
	defer saved.Close()
	weights, err := saved.Weights(nil)
	if err != nil {
		return err
	}
	return safetensors.EncodeFrozen(&ctxWriter{ctx, w}, weights)
}

// Import reads an archive of Export, or one that a registry tool made of a copy,
// and enters the version that it holds, after checking every byte. Errors:
// ErrCorrupt, ErrFormat, ErrInvalid if it holds not exactly one version of ours,
// ErrConflict, ErrTooLarge.
func (s *Store) Import(ctx context.Context, r io.Reader) (Manifest, error) {
	release, err := s.writable()
	if err != nil {
		return Manifest{}, err
	}
	defer release()
	m, err := s.importArchive(ctx, r)
	if err != nil {
		// What was unpacked belongs to no version; what cannot be removed now,
		// the next Retain will.
		if cerr := s.collect(context.WithoutCancel(ctx)); cerr != nil {
			err = errors.Join(err, cerr)
		}
		return Manifest{}, fmt.Errorf("import: %w", err)
	}
	return m, nil
}

func (s *Store) importArchive(ctx context.Context, r io.Reader) (Manifest, error) {
	raw, err := s.unpack(ctx, r)
	if err != nil {
		return Manifest{}, err
	}
	// Other tools write an index of their own, so here it has no seal; it only
	// says which manifest to read, and that is checked by digest.
	var doc v1.Index
	if err := json.Unmarshal(raw, &doc); err != nil {
		return Manifest{}, fmt.Errorf("%w: index: %w", ErrCorrupt, err)
	}
	found := map[digest.Digest]int64{}
	for _, d := range doc.Manifests {
		if d.MediaType == v1.MediaTypeImageManifest && validDigest(d.Digest.String()) && d.Size > 0 && d.Size <= maxManifest {
			found[d.Digest] = d.Size
		}
	}
	if len(found) != 1 {
		return Manifest{}, fmt.Errorf("%w: archive: holds %d versions, want one", ErrInvalid, len(found))
	}
	var m *document
	for d, size := range found {
		if m, err = s.readDocument(d, size); err != nil {
			return Manifest{}, err
		}
	}
	for _, b := range m.Blobs {
		if err := s.verify(ctx, b, nil); err != nil {
			return Manifest{}, err
		}
	}
	return m.Manifest, s.enter(ctx, m.Manifest, false)
}

// unpack puts the blobs of an archive into the folder, each under the digest
// that its bytes have, and returns the index.
func (s *Store) unpack(ctx context.Context, r io.Reader) (indexJSON []byte, err error) {
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: archive: %w", ErrCorrupt, err)
		}
		if n == maxArchive {
			return nil, fmt.Errorf("%w: archive: over %d entries", ErrTooLarge, maxArchive)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		dir, base := path.Split(path.Clean(h.Name))
		switch {
		case dir == "" && base == v1.ImageIndexFile:
			if h.Size > maxIndex {
				return nil, fmt.Errorf("%w: archive: index of %d bytes", ErrTooLarge, h.Size)
			}
			if indexJSON, err = io.ReadAll(t); err != nil {
				return nil, fmt.Errorf("%w: archive: %w", ErrCorrupt, err)
			}
		case dir == v1.ImageBlobsDir+"/sha256/" && validDigest(digestPrefix+base):
			if h.Size > s.cfg.MaxBlob {
				return nil, fmt.Errorf("%w: archive: blob %s of %d bytes", ErrTooLarge, base, h.Size)
			}
			if err := s.unpackBlob(ctx, t, digestPrefix+base); err != nil {
				return nil, err
			}
		}
	}
	if indexJSON == nil {
		return nil, fmt.Errorf("%w: archive: no %s", ErrInvalid, v1.ImageIndexFile)
	}
	return indexJSON, nil
}

func (s *Store) unpackBlob(ctx context.Context, r io.Reader, want string) error {
	temp := s.blob("incoming") + durable.TempSuffix
	if err := s.removeLeftover(temp); err != nil {
		return err
	}
	f, err := s.opts.fs.Create(temp)
	if err != nil {
		return err
	}
	sum := newDigester(f)
	_, err = io.Copy(&ctxWriter{ctx, sum}, r)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: archive: blob %s: %w", ErrCorrupt, want, err)
	}
	if err == nil && sum.digest() != want {
		err = fmt.Errorf("%w: archive: blob %s has %s", ErrCorrupt, want, sum.digest())
	}
	if err == nil {
		err = s.opts.hook.Step("checkpoint.blob.sync", f.Sync)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(err, s.opts.fs.Remove(temp))
	}
	return s.opts.hook.Step("checkpoint.blob.rename", func() error { return s.opts.fs.Rename(temp, s.blob(want)) })
}
