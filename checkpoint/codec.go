package checkpoint

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/perennial-ml/perennial/internal/durable"
)

// window is how far back zstd looks, and so what a decoder must hold. One size
// for every effort lets a decoder refuse any frame that asks for more.
const window = 4 << 20

// newCompressor returns a zstd encoder that gives equal bytes for equal input:
// one thread, fixed window.
func newCompressor(w io.Writer, effort int) (*zstd.Encoder, error) {
	return zstd.NewWriter(w,
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderLevel(zstd.EncoderLevel(effort)),
		zstd.WithWindowSize(window),
		zstd.WithEncoderCRC(true))
}

// A blobReader streams the plain bytes of a stored blob. It hands out no byte
// past the declared size, and instead of io.EOF it returns ErrCorrupt unless
// everything was exactly as declared: sizes and both digests.
type blobReader struct {
	info   BlobInfo
	file   durable.File
	stored *digester // of the compressed bytes
	plain  *digester
	dec    *zstd.Decoder
	err    error                        // sticky, io.EOF included
	done   func(info BlobInfo, ok bool) // told once, when the end is reached or damage is found
	closed func()
}

func newBlobReader(fs durable.FS, path string, info BlobInfo, maxBlob int64, done func(BlobInfo, bool), closed func()) (*blobReader, error) {
	if info.Size < 0 || info.Size > maxBlob {
		return nil, fmt.Errorf("blob %s: %w: %d bytes declared, at most %d", info.Name, ErrTooLarge, info.Size, maxBlob)
	}
	size, err := fs.Size(path)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w: %w", info.Name, ErrCorrupt, err)
	}
	if size != info.StoredLen {
		return nil, fmt.Errorf("blob %s: %w: %d bytes on disk, %d declared", info.Name, ErrCorrupt, size, info.StoredLen)
	}
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", info.Name, err)
	}
	r := &blobReader{info: info, file: f, stored: newDigester(nil), plain: newDigester(nil), done: done, closed: closed}
	r.dec, err = zstd.NewReader(io.TeeReader(io.LimitReader(f, info.StoredLen), r.stored),
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window))
	if err != nil {
		_ = f.Close() // nothing was written to it
		return nil, fmt.Errorf("blob %s: %w: %w", info.Name, ErrCorrupt, err)
	}
	return r, nil
}

// Read implements io.Reader. Bytes are proven only once it has returned io.EOF.
func (r *blobReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.dec.Read(p)
	if left := r.info.Size - r.plain.n; int64(n) > left {
		n, err = int(left), fmt.Errorf("%w: more than the %d bytes declared", ErrCorrupt, r.info.Size)
	}
	_, _ = r.plain.Write(p[:n]) // a digester without a writer takes everything
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		err = r.prove()
	case !errors.Is(err, ErrCorrupt):
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != io.EOF {
		err = fmt.Errorf("blob %s: %w", r.info.Name, err)
	}
	r.err = err
	if r.done != nil {
		r.done(r.info, err == io.EOF)
	}
	return n, err
}

// prove returns io.EOF if what was read is what was declared.
func (r *blobReader) prove() error {
	switch {
	case r.plain.n != r.info.Size:
		return fmt.Errorf("%w: %d bytes, %d declared", ErrCorrupt, r.plain.n, r.info.Size)
	case r.stored.n != r.info.StoredLen:
		return fmt.Errorf("%w: %d bytes stored, %d declared", ErrCorrupt, r.stored.n, r.info.StoredLen)
	case r.stored.digest() != r.info.Stored:
		return fmt.Errorf("%w: stored bytes have %s, want %s", ErrCorrupt, r.stored.digest(), r.info.Stored)
	case r.plain.digest() != r.info.Digest:
		return fmt.Errorf("%w: bytes have %s, want %s", ErrCorrupt, r.plain.digest(), r.info.Digest)
	}
	return io.EOF
}

// Close implements io.Closer.
func (r *blobReader) Close() error {
	r.dec.Close()
	err := r.file.Close()
	if r.closed != nil {
		r.closed()
		r.closed = nil
	}
	return err
}
