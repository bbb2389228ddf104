package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/engine"
)

// seals remembers the digests of sealed parts, from the first time that each is encoded.
// Parts are encoded by another goroutine than the one that takes snapshots.
type seals struct {
	mu      sync.Mutex
	digests map[string]string // by the part's name
}

// blob returns a part as the store takes it; with its digest, if that is known.
func (s *seals) blob(p engine.Part) checkpoint.Blob {
	b := checkpoint.Blob{Name: p.Name, MediaType: p.MediaType, Write: p.Write}
	if !p.Sealed {
		return b
	}
	s.mu.Lock()
	b.Digest = s.digests[p.Name]
	s.mu.Unlock()
	b.Write = func(w io.Writer) error {
		sum := sha256.New()
		if err := p.Write(io.MultiWriter(w, sum)); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.digests == nil {
			s.digests = map[string]string{}
		}
		s.digests[p.Name] = "sha256:" + hex.EncodeToString(sum.Sum(nil))
		return nil
	}
	return b
}

// keep forgets every part that is not among parts, and all of them without any.
func (s *seals) keep(parts []engine.Part) {
	names := map[string]bool{}
	for _, p := range parts {
		names[p.Name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.digests {
		if !names[name] {
			delete(s.digests, name)
		}
	}
}
