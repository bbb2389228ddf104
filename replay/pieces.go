package replay

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"

	"github.com/perennial-ml/perennial/internal/seal"
)

// Media types of a state's pieces.
const (
	MediaType     = "application/vnd.perennial.replay.v2"
	HeadMediaType = "application/vnd.perennial.replay.head.v3"
	PageMediaType = "application/vnd.perennial.examples.v3"
)

// pagedFormat is the format of a head: a state whose examples are in pages.
const pagedFormat = 3

// A Piece is one of the blobs that a state is kept in. Equal states have equal pieces.
type Piece struct {
	// Suffix tells pieces apart: empty for the head, else PageSuffix.
	Suffix    string
	MediaType string
	Write     func(io.Writer) error
	// Seal knows the digest of a page once Write has succeeded, for as long as states
	// share it; nil for the head.
	Seal *seal.Seal
}

// PageSuffix returns the suffix of a page.
func PageSuffix(i int) string { return "." + strconv.Itoa(i) }

// Pieces returns the state in pieces. A small one is a whole, as WriteTo writes it; of a
// large one the examples are in pages of their own, which are the same from state to state
// unless one of their slots changed.
func (s State) Pieces() []Piece {
	if s.Len() <= wholeSlots || len(s.pages) == 0 {
		return []Piece{{MediaType: MediaType, Write: func(w io.Writer) error {
			_, err := s.WriteTo(w)
			return err
		}}}
	}
	pieces := []Piece{{MediaType: HeadMediaType, Write: s.writeHead}}
	for i, p := range s.pages {
		pieces = append(pieces, Piece{
			Suffix: PageSuffix(i), MediaType: PageMediaType, Seal: &p.seal,
			Write: func(w io.Writer) error { return p.seal.Write(w, p.write) },
		})
	}
	return pieces
}

func (s State) writeHead(w io.Writer) error {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<16)}
	if err := e.head(&s, pagedFormat); err != nil {
		return err
	}
	e.u32(uint32(len(s.pages)))
	for _, p := range s.pages {
		e.u32(uint32(len(p.items)))
	}
	return e.flush()
}

func (p *page) write(w io.Writer) error {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<16)}
	e.examples(p.items)
	return e.flush()
}

// Join reads the pieces of Pieces: page is asked for those that are not in head. It
// allocates no more than a small multiple of what it is given. The error is ErrFormat or
// ErrCorrupt, or page's.
func Join(head []byte, page func(i int) ([]byte, error)) (State, error) {
	if len(head) < len(magic)+4 || binary.LittleEndian.Uint32(head[len(magic):]) != pagedFormat {
		return Read(head)
	}
	d := &decoder{data: head}
	s, n, err := d.head(pagedFormat)
	if err != nil {
		return State{}, err
	}
	counts := words(d, d.u32(), func(v uint32) int { return int(v) })
	if d.err == nil && len(d.data) > 0 {
		return State{}, corrupt("%d bytes follow its end", len(d.data))
	}
	if d.err != nil {
		return State{}, d.err
	}
	left := n
	for i, count := range counts {
		if count == 0 || count > left {
			return State{}, corrupt("page %d of %d examples, of which %d are left", i, count, left)
		}
		left -= count
	}
	if left > 0 {
		return State{}, corrupt("%d examples are in no page", left)
	}
	for i, count := range counts {
		data, err := page(i)
		if err != nil {
			return State{}, err
		}
		d := &decoder{data: data}
		items := d.examples(count)
		if d.err == nil && len(d.data) > 0 {
			d.err = corrupt("%d bytes follow its end", len(d.data))
		}
		if d.err != nil {
			return State{}, fmt.Errorf("page %d: %w", i, d.err)
		}
		s.items = append(s.items, items...)
	}
	return s, s.check()
}
