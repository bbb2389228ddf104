package models

import "math/bits"

// A Dirty records which chunks of a list of tensors were written to, and when: since
// which copy. Whoever writes to the tensors marks what it writes, before or after, and
// Freeze then copies what is marked. Several chains of copies may be made with one Dirty.
type Dirty struct {
	now     uint64 // goes up with each copy
	tensors []marks
}

// marks holds, for each chunk of a tensor, the time of the last write.
type marks struct {
	Chunking
	shift uint // log2 of Rows where that is a power of two, which it mostly is; else 0
	last  []uint64
}

// NewDirty returns a Dirty for tensors of the names and shapes of p, with nothing marked.
func NewDirty(p Params) *Dirty {
	d := &Dirty{now: 1, tensors: make([]marks, len(p))}
	for i, c := range p.Chunking() {
		d.tensors[i] = marks{Chunking: c, last: make([]uint64, c.Chunks())}
		if bits.OnesCount(uint(c.Rows)) == 1 {
			d.tensors[i].shift = uint(bits.TrailingZeros(uint(c.Rows)))
		}
	}
	return d
}

// MarkAll marks every tensor.
func (d *Dirty) MarkAll() {
	for i := range d.tensors {
		d.MarkTensor(i)
	}
}

// MarkTensor marks the whole of the i-th tensor.
func (d *Dirty) MarkTensor(i int) {
	last := d.tensors[i].last
	for c := range last {
		last[c] = d.now
	}
}

// MarkStep marks what a step writes: of sparse tensors the rows that it lists, and all of
// the others.
func (d *Dirty) MarkStep(step Params) {
	for i := range step {
		if step[i].Sparse {
			d.MarkRows(i, step[i].Rows)
		} else {
			d.MarkTensor(i)
		}
	}
}

// MarkRow marks a leading row of the i-th tensor.
func (d *Dirty) MarkRow(i, row int) {
	t := &d.tensors[i]
	t.last[t.Of(row)] = d.now
}

// MarkRows marks leading rows of the i-th tensor, in any order.
func (d *Dirty) MarkRows(i int, rows []int32) {
	t := &d.tensors[i]
	if len(t.last) == 1 {
		if len(rows) > 0 {
			t.last[0] = d.now
		}
		return
	}
	last, now := t.last, d.now
	if t.shift > 0 { // sparse steps are short enough for a division to show
		for _, r := range rows {
			last[uint32(r)>>t.shift] = now
		}
		return
	}
	for _, r := range rows {
		last[t.Of(int(r))] = now
	}
}

// Freeze returns a copy of p, which has the tensors that d was made for. Chunks that
// were not marked since prev are shared with it; prev may be nil, or of another Dirty,
// and then all are copied. It takes time in proportion to what was marked.
func (d *Dirty) Freeze(p Params, prev *Frozen) *Frozen {
	return d.FreezeBy(p, prev, func(dst []float32, i, at int) { copy(dst, p[i].Data[at:]) })
}

// FreezeBy is Freeze for tensors whose Data may lie elsewhere: read copies values of the i-th,
// from element at on, to dst.
func (d *Dirty) FreezeBy(p Params, prev *Frozen, read func(dst []float32, i, at int)) *Frozen {
	f := &Frozen{tensors: make([]FrozenTensor, len(p)), dirty: d, at: d.now}
	shared := prev != nil && prev.dirty == d
	for i, t := range p {
		m := &d.tensors[i]
		var have []*Chunk
		if shared {
			have = prev.tensors[i].Chunks
		}
		f.tensors[i] = FrozenTensor{Name: t.Name, Shape: t.Shape, Chunking: m.Chunking, Chunks: m.freeze(i, have, prev, read)}
	}
	d.now++
	return f
}

// Thaw overwrites p, which has the tensors that d was made for, by f, and returns f as the
// copy that a chain of Freeze goes on from. It returns ErrParams, and changes nothing, if
// names or shapes differ.
func (d *Dirty) Thaw(p Params, f *Frozen) (*Frozen, error) {
	if err := f.CopyTo(p); err != nil {
		return nil, err
	}
	next := &Frozen{tensors: f.tensors, dirty: d, at: d.now}
	for i := range d.tensors {
		if d.tensors[i].Chunking != f.tensors[i].Chunking { // from another geometry
			next.dirty = nil
		}
	}
	d.MarkAll() // for other chains
	d.now++
	return next, nil
}

// freeze copies the chunks of the i-th tensor that were marked since have, and all of them without it.
func (m *marks) freeze(i int, have []*Chunk, prev *Frozen, read func(dst []float32, i, at int)) []*Chunk {
	var out []*Chunk
	for c, last := range m.last {
		if have != nil && last <= prev.at {
			continue
		}
		if out == nil {
			out = make([]*Chunk, len(m.last))
			copy(out, have)
		}
		from, to := m.Span(c)
		values := make([]float32, to-from)
		read(values, i, from)
		out[c] = NewChunk(values)
	}
	if out == nil {
		return have // nothing changed: the list is shared too
	}
	return out
}
