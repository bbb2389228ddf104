package part

import (
	"io"

	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/replay"
)

// MediaCBOR is the media type of documents.
const MediaCBOR = "application/cbor"

// A Part is one piece of a snapshot. Write may be called at any time, from any
// goroutine, and writes the same bytes each time.
type Part struct {
	Name      string
	MediaType string
	Write     func(io.Writer) error
	// Seal, if not nil, knows the digest of the bytes once Write has succeeded. Parts
	// whose content has not changed share it with those of the snapshot before, so that
	// what was written then need not be written anew.
	Seal *seal.Seal
}

// CBOR returns a document as a part, in its canonical encoding. Nobody may change it
// afterwards.
func CBOR(name string, document any) Part {
	return Part{Name: name, MediaType: MediaCBOR, Write: func(w io.Writer) error { return canonical.Write(w, document) }}
}

// Bytes returns a document that is encoded already as a part.
func Bytes(name string, data []byte) Part {
	return Part{Name: name, MediaType: MediaCBOR, Write: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

// Memory returns a memory as parts: one of that name, and of a large memory one for
// each page.
func Memory(name string, m replay.Memory) []Part {
	var parts []Part
	for _, p := range m.Snapshot().Pieces() {
		parts = append(parts, Part{Name: name + p.Suffix, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal})
	}
	return parts
}
