package replay

import (
	"fmt"
	"io"
	"slices"

	"github.com/perennial-ml/perennial/replay/internal/state"
)

// Media types of a state's pieces.
const (
	MediaType       = state.MediaType
	HeadMediaType   = state.HeadMediaType
	PageMediaType   = state.PageMediaType
	ColumnMediaType = state.ColumnMediaType
)

var (
	// ErrFormat says that a state was written in a format that this program does
	// not read.
	ErrFormat = state.ErrFormat
	// ErrCorrupt says that bytes are no state.
	ErrCorrupt = state.ErrCorrupt
	// ErrState says that a state does not fit the memory's configuration.
	ErrState = state.ErrState
)

// A State is what a memory held at one time. It shares examples and pages with the memory,
// and never changes. The zero State is no memory's.
type State struct{ held state.State }

// A Piece is one of the blobs that a state is kept in. Equal states have equal pieces.
type Piece = state.Piece

// Kind returns the kind of the memory.
func (s State) Kind() Kind { return Kind(s.held.Form.Name) }

// Len returns the number of examples.
func (s State) Len() int { return s.held.Len() }

// WriteTo writes the state as a whole, in the layout of docs/format/replay.md. Equal states
// give equal bytes. It implements io.WriterTo.
func (s State) WriteTo(w io.Writer) (int64, error) { return s.held.WriteTo(w) }

// Pieces returns the state in pieces. A small one is a whole, as WriteTo writes it; a large
// one is a head and pages, which are the same from state to state unless one of their slots
// changed.
func (s State) Pieces() []Piece { return s.held.Pieces() }

// Read decodes a whole that State.WriteTo wrote; data must hold it and nothing else. It
// allocates no more than a small multiple of len(data), and keeps no reference to it.
// The error is ErrFormat for a state of another format, ErrCorrupt for anything else.
func Read(data []byte) (State, error) {
	held, err := state.Read(data, forms())
	return State{held}, err
}

// Join reads the pieces of Pieces: page is asked by their suffixes for those that are not in
// head. It allocates no more than a small multiple of what it is given. The error is
// ErrFormat or ErrCorrupt, or page's.
func Join(head []byte, page func(suffix string) ([]byte, error)) (State, error) {
	held, err := state.Join(head, forms(), page)
	return State{held}, err
}

// form says what memories of the kind hold.
func (k Kind) form() state.Form {
	f := state.Form{
		Name: string(k), Code: uint32(slices.Index(Kinds(), k) + 1), Groups: state.NoGroups,
		Sampled:  k == Reservoir || k == RecencyMixed || k == LossAware,
		Scored:   k == GSS || k == LossAware,
		Featured: k == Herding,
		Latest:   k == RecencyMixed,
		Aged:     k == RingBuffer,
	}
	switch {
	case k.grouped():
		f.Groups = state.Grouped
	case k == Reservoir: // for balanced retrieval
		f.Groups = state.MayGroup
	}
	return f
}

// forms lists what memories of each kind hold.
func forms() []state.Form {
	var list []state.Form
	for _, k := range Kinds() {
		list = append(list, k.form())
	}
	return list
}

// fits returns ErrState unless a memory of that configuration can hold the state.
func (s State) fits(cfg Config) error {
	if s.Kind() != cfg.Kind {
		return stateError("it is of kind %q, configured is %q", s.Kind(), cfg.Kind)
	}
	if n := s.Len(); n > cfg.Capacity {
		return stateError("it holds %d examples, configured are at most %d", n, cfg.Capacity)
	}
	return nil
}

func stateError(rule string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(rule, args...))
}
