package prequential

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/internal/canonical"
)

// Paired holds the losses of candidate and stable on the same examples, the latest ones.
type Paired struct{ ring[pair] }

type pair struct{ candidate, stable float64 }

// NewPaired returns an empty Paired over that many examples. The error names the rule that
// window breaks.
func NewPaired(window int) (*Paired, error) {
	if window < 1 || window > MaxWindow {
		return nil, fmt.Errorf("window: must be in [1, %d], got %d", MaxWindow, window)
	}
	return &Paired{ring[pair]{limit: window}}, nil
}

// Add adds both losses on one example. It leaves the example out if either is not finite.
func (p *Paired) Add(candidate, stable float64) {
	if candidate-candidate == 0 && stable-stable == 0 {
		p.add(pair{candidate, stable})
	}
}

// Len returns the number of examples.
func (p *Paired) Len() int { return len(p.items) }

// Means returns both mean losses; 0, 0 without examples. It adds up the window.
func (p *Paired) Means() (candidate, stable float64) {
	if len(p.items) == 0 {
		return 0, 0
	}
	for _, half := range p.halves() {
		for _, v := range half {
			candidate += v.candidate
			stable += v.stable
		}
	}
	n := float64(len(p.items))
	return candidate / n, stable / n
}

// Reset forgets all examples.
func (p *Paired) Reset() { p.reset() }

// pairedDoc is a Paired on disk: pairs of candidate and stable, from the oldest to the
// newest, eight little-endian bytes each.
type pairedDoc struct {
	Format uint64 `cbor:"format"`
	Losses []byte `cbor:"losses"`
}

// Snapshot returns the state as bytes; equal states give equal bytes.
func (p *Paired) Snapshot() ([]byte, error) {
	doc := pairedDoc{Format: stateFormat, Losses: make([]byte, 0, 16*len(p.items))}
	for _, half := range p.halves() {
		for _, v := range half {
			doc.Losses = binary.LittleEndian.AppendUint64(doc.Losses, math.Float64bits(v.candidate))
			doc.Losses = binary.LittleEndian.AppendUint64(doc.Losses, math.Float64bits(v.stable))
		}
	}
	data, err := canonical.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode paired losses: %w", err)
	}
	return data, nil
}

// Restore replaces the state by one that Snapshot returned. It returns ErrState, and
// changes nothing, if data is damaged or does not fit in the window.
func (p *Paired) Restore(data []byte) error {
	var doc pairedDoc
	if err := canonical.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if doc.Format != stateFormat {
		return stateError("format %d is not the format %d that this program reads", doc.Format, stateFormat)
	}
	if n := len(doc.Losses); n%16 != 0 || n/16 > p.limit {
		return stateError("pairs take %d bytes, must be at most %d of 16", n, p.limit)
	}
	items := make([]pair, len(doc.Losses)/16)
	for i := range items {
		b := doc.Losses[16*i:]
		v := pair{
			candidate: math.Float64frombits(binary.LittleEndian.Uint64(b)),
			stable:    math.Float64frombits(binary.LittleEndian.Uint64(b[8:])),
		}
		if v.candidate-v.candidate != 0 || v.stable-v.stable != 0 {
			return stateError("pair %d is not finite", i)
		}
		items[i] = v
	}
	p.items, p.start = items, 0
	return nil
}
