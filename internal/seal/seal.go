package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync/atomic"
)

// A Seal belongs to one value that never changes, and holds the digest of its one
// encoding once that is known. The zero value is ready, and safe for concurrent use. It
// must not be copied.
type Seal struct{ digest atomic.Pointer[string] }

// Digest returns "sha256:hex", or "" as long as nobody has written the bytes to their
// end.
func (s *Seal) Digest() string {
	if d := s.digest.Load(); d != nil {
		return *d
	}
	return ""
}

// Set tells a digest that is known from elsewhere.
func (s *Seal) Set(digest string) { s.digest.Store(&digest) }

// Write calls write, and remembers the digest of what went through if it succeeds.
func (s *Seal) Write(w io.Writer, write func(io.Writer) error) error {
	if s.Digest() != "" {
		return write(w)
	}
	sum := sha256.New()
	if err := write(io.MultiWriter(w, sum)); err != nil {
		return err
	}
	d := "sha256:" + hex.EncodeToString(sum.Sum(nil))
	s.digest.Store(&d)
	return nil
}
