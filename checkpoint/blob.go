package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// A Blob is one part of a state, produced when it is asked for.
type Blob struct {
	Name      string // lower case letters, digits, _ . -; at most 64
	MediaType string
	// Write produces the bytes. They must be canonical: equal state, equal bytes.
	// It may be called more than once, from the goroutine that calls the Store.
	Write func(io.Writer) error
	// Digest, if known, is that of the bytes ("sha256:hex"), as in the BlobInfo of
	// the version before when nothing changed since. A store that holds such a
	// blob does not call Write; another one does, and holds it to the digest.
	Digest string
	// Seal, if not nil, gives the Digest when the Store comes to the blob: it may have
	// become known since the Blob was made.
	Seal *seal.Seal
}

// known returns the digest, if it is known by now.
func (b *Blob) known() string {
	if b.Digest == "" && b.Seal != nil {
		return b.Seal.Digest()
	}
	return b.Digest
}

// Weights returns a model's parameters as blobs: one of that name, and one for each chunk
// of a large tensor.
func Weights(f *models.Frozen) []Blob {
	var blobs []Blob
	for _, p := range safetensors.Pieces(f) {
		blobs = append(blobs, Blob{Name: WeightsBlob + p.Suffix, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal})
	}
	return blobs
}

// HashBlobs returns the StateHash of blobs and their descriptions (without the
// stored digests), storing nothing and believing no Blob.Digest. It is how two
// learners are shown to be equal.
func HashBlobs(ctx context.Context, blobs []Blob) (string, []BlobInfo, error) {
	if err := checkBlobs(blobs); err != nil {
		return "", nil, err
	}
	infos := make([]BlobInfo, len(blobs))
	for i, b := range blobs {
		sum := newDigester(nil)
		if err := b.Write(&ctxWriter{ctx, sum}); err != nil {
			return "", nil, fmt.Errorf("blob %s: %w", b.Name, err)
		}
		infos[i] = BlobInfo{Name: b.Name, MediaType: b.MediaType, Digest: sum.digest(), Size: sum.n}
	}
	return StateHash(infos), infos, nil
}

func checkBlobs(blobs []Blob) error {
	if len(blobs) == 0 || len(blobs) > maxBlobs {
		return fmt.Errorf("%w: blobs: want 1 to %d, got %d", ErrInvalid, maxBlobs, len(blobs))
	}
	seen := make(map[string]bool, len(blobs))
	for _, b := range blobs {
		switch {
		case !blobName.MatchString(b.Name):
			return fmt.Errorf("%w: blob name %q: want lower case letters, digits, _ . -", ErrInvalid, b.Name)
		case seen[b.Name]:
			return fmt.Errorf("%w: blob name %q: given twice", ErrInvalid, b.Name)
		case b.MediaType == "":
			return fmt.Errorf("%w: blob %s: media type is empty", ErrInvalid, b.Name)
		case b.Write == nil:
			return fmt.Errorf("%w: blob %s: Write is nil", ErrInvalid, b.Name)
		}
		seen[b.Name] = true
	}
	return nil
}

// A digester counts and hashes what passes through it to w, which may be nil.
type digester struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func newDigester(w io.Writer) *digester { return &digester{w: w, sum: sha256.New()} }

func (d *digester) Write(p []byte) (int, error) {
	d.sum.Write(p)
	d.n += int64(len(p))
	if d.w == nil {
		return len(p), nil
	}
	return d.w.Write(p)
}

func (d *digester) digest() string { return digestPrefix + hex.EncodeToString(d.sum.Sum(nil)) }

// digestOf returns the SHA-256 of b as "sha256:hex".
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// A ctxWriter ends a long encoding when ctx ends.
type ctxWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *ctxWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// A boundedWriter fails once more than left bytes went through.
type boundedWriter struct {
	w    io.Writer
	left int64
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, ErrTooLarge
	}
	b.left -= int64(len(p))
	return b.w.Write(p)
}
