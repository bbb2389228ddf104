package store

import "math/rand/v2"

// share is how many examples are drawn from a group.
type share struct{ group, n int }

// DrawBalanced appends n examples to dst, or every one, without replacement: as evenly
// from the groups as their sizes allow, and with equal probability within each. Where the
// last ones do not suffice for all groups that have some left, chance decides which give.
func (g *Groups) DrawBalanced(dst []*Example, n int, r *rand.Rand) []*Example {
	n = min(n, g.Items.Len())
	g.shares = g.shares[:0]
	for i := range g.List {
		if g.List[i].Members.N > 0 {
			g.shares = append(g.shares, share{group: i})
		}
	}
	open := g.shares // the groups that have some left
	for n >= len(open) && n > 0 {
		n -= len(open)
		left := 0
		for i := range open {
			open[i].n++
			if open[i].n < g.List[open[i].group].Members.N {
				open[i], open[left] = open[left], open[i]
				left++
			}
		}
		open = open[:left]
	}
	for i := range n {
		j := i + r.IntN(len(open)-i)
		open[i], open[j] = open[j], open[i]
		open[i].n++
	}
	for _, s := range g.shares {
		dst = g.drawGroup(dst, &g.List[s.group], s.n, r)
	}
	return dst
}

// drawGroup appends n members of a group to dst, without replacement.
func (g *Groups) drawGroup(dst []*Example, gr *Group, n int, r *rand.Rand) []*Example {
	for _, i := range g.Drawer.Draw(gr.Members.N, n, r) {
		dst = append(dst, g.Lend(gr.Members.At(i)))
	}
	return dst
}
