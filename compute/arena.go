package compute

import (
	"slices"
	"unsafe"
)

// align is the number of values that memory is aligned to: a cache line.
const align = 16

// layOut gives every tensor that a run computes a piece of one arena. A piece is free again
// once its last reader has run; roots keep theirs, and products their factors. A node may lie over an input that no one
// reads after it, where its op allows.
func (p *Plan) layOut() {
	for _, n := range p.nodes {
		n.last = n.at
	}
	for i, n := range p.tasks {
		for _, u := range n.uses {
			u.last = i
		}
	}
	for _, n := range p.roots {
		n.last = len(p.tasks)
		if n.product != nil {
			for _, u := range n.uses {
				u.last = len(p.tasks)
			}
		}
	}
	var free spans
	for i, n := range p.tasks {
		if n.inArena {
			size := n.room()
			p.shared += size
			if n.over = n.under(i); n.over != nil {
				n.offset = n.over.offset
			} else {
				n.offset = free.take(size)
			}
		}
		if u := n.uses[0]; n.sparse != nil && u.inArena && u.last == i {
			n.over = u
		}
		for j, u := range n.uses {
			if u.inArena && u.last == i && u != n.over && !slices.Contains(n.uses[:j], u) {
				free.give(u.offset, u.room())
			}
		}
	}
	p.arena = aligned(free.end)
	for _, n := range p.tasks {
		if n.inArena {
			size := n.buf.Shape.TotalSize()
			n.buf.Data = p.arena[n.offset : n.offset+size : n.offset+size]
		}
	}
}

// room is the number of values that n takes in the arena.
func (n *node) room() int { return (n.buf.Shape.TotalSize() + align - 1) / align * align }

// under returns the input that n, the i-th task, may lie over.
func (n *node) under(i int) *node {
	if n.bind == nil {
		return nil
	}
	for _, j := range n.bind.InPlace() {
		u := n.uses[j]
		if u.inArena && u.last == i && u.buf.Shape.TotalSize() == n.buf.Shape.TotalSize() {
			return u
		}
	}
	return nil
}

// aligned makes n zeros that begin at a cache line.
func aligned(n int) []float32 {
	a := make([]float32, n+align)
	at := int(uintptr(unsafe.Pointer(&a[0]))/4) % align
	skip := (align - at) % align
	return a[skip : skip+n : skip+n]
}

// spans are the free pieces of the arena, by offset, no two of them adjacent.
type spans struct {
	free []span
	end  int // all beyond is free
}

type span struct{ from, to int }

// take returns the offset of a piece of size values: of the smallest that is large enough.
func (s *spans) take(size int) int {
	best := -1
	for i, f := range s.free {
		if n := f.to - f.from; n >= size && (best < 0 || n < s.free[best].to-s.free[best].from) {
			best = i
		}
	}
	if best < 0 {
		at := s.end
		if k := len(s.free) - 1; k >= 0 && s.free[k].to == s.end { // grow the last piece
			at = s.free[k].from
			s.free = s.free[:k]
		}
		s.end = at + size
		return at
	}
	at := s.free[best].from
	s.free[best].from += size
	if s.free[best].from == s.free[best].to {
		s.free = slices.Delete(s.free, best, best+1)
	}
	return at
}

// give frees a piece.
func (s *spans) give(at, size int) {
	i, _ := slices.BinarySearchFunc(s.free, at, func(f span, at int) int { return f.from - at })
	s.free = slices.Insert(s.free, i, span{at, at + size})
	if i+1 < len(s.free) && s.free[i].to == s.free[i+1].from {
		s.free[i].to = s.free[i+1].to
		s.free = slices.Delete(s.free, i+1, i+2)
	}
	if i > 0 && s.free[i-1].to == s.free[i].from {
		s.free[i-1].to = s.free[i].to
		s.free = slices.Delete(s.free, i, i+1)
	}
}
