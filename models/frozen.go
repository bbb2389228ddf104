package models

import (
	"fmt"
	"slices"
)

// A Frozen is a copy of Params that never changes, in chunks that it shares with the
// copies before and after it: see Dirty. Several goroutines may read it.
type Frozen struct {
	tensors []FrozenTensor
	dirty   *Dirty // that it was made with; nil for none
	at      uint64 // its time
}

// A FrozenTensor is one tensor of a Frozen. Nothing in it may be written to.
type FrozenTensor struct {
	Name  string
	Shape []int
	Chunking
	Chunks []*Chunk // as many as Chunking says
}

// Freeze returns a copy of p that shares nothing.
func (p Params) Freeze() *Frozen {
	f := &Frozen{tensors: make([]FrozenTensor, len(p))}
	for i, c := range p.Chunking() {
		t := FrozenTensor{Name: p[i].Name, Shape: p[i].Shape, Chunking: c, Chunks: make([]*Chunk, c.Chunks())}
		for j := range t.Chunks {
			from, to := c.Span(j)
			t.Chunks[j] = NewChunk(slices.Clone(p[i].Data[from:to]))
		}
		f.tensors[i] = t
	}
	return f
}

// NewFrozen returns the Frozen of tensors that were put together chunk by chunk. It
// returns ErrParams unless each has the chunks that its shape and Rows ask for.
func NewFrozen(tensors []FrozenTensor) (*Frozen, error) {
	for _, t := range tensors {
		want := ChunkingOf(t.Shape)[0]
		want.Rows = t.Rows
		if t.Rows < 0 || t.Chunking != want || len(t.Chunks) != want.Chunks() {
			return nil, fmt.Errorf("%w: tensor %s %v has %d chunks of %d rows", ErrParams, t.Name, t.Shape, len(t.Chunks), t.Rows)
		}
		for j, chunk := range t.Chunks {
			if from, to := t.Span(j); len(chunk.values) != to-from {
				return nil, fmt.Errorf("%w: tensor %s %v: chunk %d has %d values, must be %d",
					ErrParams, t.Name, t.Shape, j, len(chunk.values), to-from)
			}
		}
	}
	return &Frozen{tensors: slices.Clone(tensors)}, nil
}

// Tensors lists the tensors in their order.
func (f *Frozen) Tensors() []FrozenTensor { return f.tensors }

// Shapes returns the tensors' names and shapes, without values.
func (f *Frozen) Shapes() Params {
	out := make(Params, len(f.tensors))
	for i, t := range f.tensors {
		out[i] = Param{Name: t.Name, Shape: t.Shape}
	}
	return out
}

// Params returns a copy that may be written to.
func (f *Frozen) Params() Params {
	p := make(Params, len(f.tensors))
	for i, t := range f.tensors {
		p[i] = Param{Name: t.Name, Shape: slices.Clone(t.Shape), Data: make([]float32, 0, t.Size)}
		for _, c := range t.Chunks {
			p[i].Data = append(p[i].Data, c.values...)
		}
	}
	return p
}

// Fits returns ErrParams, with the first difference, unless p has the names and shapes of
// f in the same order.
func (f *Frozen) Fits(p Params) error {
	if len(f.tensors) != len(p) {
		return fmt.Errorf("%w: %d tensors, must be %d", ErrParams, len(p), len(f.tensors))
	}
	for i, t := range f.tensors {
		o := p[i]
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || t.Size != len(o.Data) {
			return fmt.Errorf("%w: tensor %d is %s %v of %d values, must be %s %v of %d values",
				ErrParams, i, t.Name, t.Shape, t.Size, o.Name, o.Shape, len(o.Data))
		}
	}
	return nil
}

// CopyTo overwrites every value of p. It returns ErrParams, and copies nothing, if names
// or shapes differ.
func (f *Frozen) CopyTo(p Params) error { return f.Update(p, nil) }

// Update overwrites p, which holds the values of have, by those of f: it copies the
// chunks that the two do not share. Without have it copies all. It returns ErrParams, and
// copies nothing, if names or shapes differ.
func (f *Frozen) Update(p Params, have *Frozen) error {
	if err := f.Fits(p); err != nil {
		return err
	}
	if have != nil && have.Fits(p) != nil {
		have = nil
	}
	for i, t := range f.tensors {
		known := have != nil && have.tensors[i].Chunking == t.Chunking
		for j, c := range t.Chunks {
			if known && have.tensors[i].Chunks[j] == c {
				continue
			}
			from, _ := t.Span(j)
			copy(p[i].Data[from:], c.values)
		}
	}
	return nil
}

// Finite reports whether there is no NaN and no infinity. What it has found out of a
// chunk it does not look at again.
func (f *Frozen) Finite() bool { return f.finiteBy(Finite) }

func (f *Frozen) finiteBy(look func([]float32) bool) bool {
	for _, t := range f.tensors {
		for _, c := range t.Chunks {
			if !c.finiteBy(look) {
				return false
			}
		}
	}
	return true
}

// Equal reports whether g has the same names, shapes and bits.
func (f *Frozen) Equal(g *Frozen) bool {
	if len(f.tensors) != len(g.tensors) {
		return false
	}
	for i, t := range f.tensors {
		o := g.tensors[i]
		if t.Name != o.Name || !slices.Equal(t.Shape, o.Shape) || len(t.Chunks) != len(o.Chunks) {
			return false
		}
		for j, c := range t.Chunks {
			if d := o.Chunks[j]; c != d && !sameBits(c.values, d.values) {
				return false
			}
		}
	}
	return true
}

// Concat returns the tensors of all of list, one after the other, and shares their chunks.
// Their names must differ. Nil is a Frozen of nothing.
func Concat(list ...*Frozen) *Frozen {
	out := &Frozen{}
	for _, f := range list {
		if f != nil {
			out.tensors = append(out.tensors, f.tensors...)
		}
	}
	return out
}

// Rename returns f with its tensors' names as name gives them, and shares its chunks.
func (f *Frozen) Rename(name func(string) string) *Frozen {
	out := &Frozen{tensors: slices.Clone(f.tensors)}
	for i := range out.tensors {
		out.tensors[i].Name = name(out.tensors[i].Name)
	}
	return out
}
