package kernel

import "unsafe"

// panelRoom divides a workspace: room for panels, from a cache line on, and what is behind it.
func panelRoom(ws []float32) (panels, left []float32) {
	pad := -int(uintptr(unsafe.Pointer(&ws[0]))/size) & 15
	return ws[pad:][:groupSize], ws[pad+groupSize:]
}

// inPanels computes a product in blocks of k and of rows, after Goto and van de Geijn.
func (t *blocked) inPanels(whole *job, f form, ws []float32) {
	vecs := t.vecs[min(whole.m, t.rows)]
	width := vecs * t.lanes
	panels, left := panelRoom(ws)
	kStep := (even(whole.k, min(panelSize/width, 320)) + 7) &^ 7
	group := width // columns that are packed at a time
	if f != formNT {
		group = groupColumns
	}
	// Rows that lie half a page apart, or pages, meet in one set of a cache each.
	packA := whole.n >= 4*width && vecs == 2 && (f == formTN || whole.a.i%2048 == 0)
	mStep := t.rows * even((whole.m+t.rows-1)/t.rows, max(1, blockA/(t.rows*kStep)))
	for k0 := 0; k0 < whole.k; k0 += kStep {
		j := *whole
		j.k = min(kStep, whole.k-k0)
		j.a = whole.a.from(0, k0)
		if k0 > 0 {
			j.in = whole.c
		}
		if k0+j.k < whole.k {
			j.relu = 0
		}
		for i0 := 0; i0 < whole.m; i0 += mStep {
			i1 := min(i0+mStep, whole.m)
			from := 0
			if packA {
				j.left = left
				t.packLeft(&j, f, i0, i1)
			} else if f == formNN && vecs == 2 && i1-i0 > 2*t.rows {
				from = t.whilePacking(&j, whole.b.from(k0, 0), panels, i0, i1)
			}
			for at := from; at < whole.n; at += group {
				cols := min(group, whole.n-at)
				t.packRight(panels, whole.b.from(k0, at), f, j.k, cols, width)
				for c := 0; c < cols; c += width {
					b := factor{unsafe.Pointer(&panels[c*j.k]), size * width, size}
					if f != formNT && c+width > cols {
						b = whole.b.from(k0, at+c)
					}
					t.strip(&j, b, at+c, min(width, cols-c), i0, i1)
				}
			}
		}
	}
}

// whilePacking computes rows i0 to i1 of the columns of b that make whole panels, and returns how
// many these are. The first tile over a panel packs it. More rows than two of the highest tiles have
// are divided evenly, so that no tile is so low that it waits for its own sums.
func (t *blocked) whilePacking(j *job, b factor, panel []float32, i0, i1 int) int {
	width := panelVecs * t.lanes
	tiles := (i1 - i0 + t.rows - 1) / t.rows
	low, high := (i1-i0)/tiles, (i1-i0)%tiles // rows, and how many tiles have one more
	at := 0
	for ; at+width <= j.n; at += width {
		for i, done := i0, 0; done < tiles; {
			h, blocks := low, tiles-done
			if done < high {
				h, blocks = low+1, high-done
			}
			if done == 0 {
				blocks = 1
				t.packing[h](j.c.at(i, at), j.a.at(i, 0), b.at(0, at), j.start(i, at), &panel[0], j.k, j.c.i, j.in.i, j.a.i, b.i, j.relu)
			} else {
				t.placed[h](j.c.at(i, at), j.a.at(i, 0), &panel[0], j.start(i, at), j.k, j.c.i, j.in.i, blocks, j.a.i, j.relu)
			}
			i += h * blocks
			done += blocks
		}
	}
	return at
}

// packLeft copies rows i0 to i1 of a in the order in which tiles read them: columns of as many
// rows as a tile has.
func (t *blocked) packLeft(j *job, f form, i0, i1 int) {
	tiles := (i1 - i0) / t.rows
	at := func(i int) *float32 { return &j.left[i*t.rows*j.k] }
	if f != formTN {
		for i := range tiles {
			t.packColumns(at(i), j.a.at(i0+i*t.rows, 0), j.k, j.a.i)
		}
		return
	}
	for i := 0; i < tiles; i += tilesAtOnce {
		t.packRows(at(i), j.a.at(i0+i*t.rows, 0), j.k, j.a.j, min(tilesAtOnce, tiles-i), size*t.rows*j.k)
	}
	if from, rest := i0+tiles*t.rows, (i1-i0)%t.rows; rest > 0 {
		to := unsafe.Slice(at(tiles), j.k*t.rows)
		for p := range j.k {
			copy(to[p*t.rows:][:rest], unsafe.Slice(j.a.at(from, p), rest))
		}
		j.tail = true
	}
}

// tilesAtOnce is how many tiles of aᵀ are packed at a time: a row of them is three cache
// lines, and there are no more places to write to than a processor follows.
const tilesAtOnce = 8

// packRight copies cols columns of b to panels of a width, one after the other; what makes no
// whole panel stays where it is, unless it has to be transposed.
func (t *blocked) packRight(panels []float32, b factor, f form, k, cols, width int) {
	if f != formNT {
		if whole := cols / width; whole > 0 {
			t.packPanels(&panels[0], b.at(0, 0), k, b.i, whole)
		}
		return
	}
	for c := 0; c < cols; c += width {
		t.packTransposed(panels[c*k:], b.from(0, c), k, min(width, cols-c), width)
	}
}

// even returns a step of at most limit that divides n in steps of about one length.
func even(n, limit int) int {
	steps := (n + limit - 1) / limit
	return (n + steps - 1) / steps
}

// packTransposed writes columns of b, of which the elements are adjacent, as columns of a
// panel that is width wide.
func (t *blocked) packTransposed(panel []float32, b factor, k, cols, width int) {
	c := 0
	for ; c+8 <= cols; c += 8 {
		t.transpose8(&panel[c], b.at(0, c), k, b.j, size*width)
	}
	for ; c < cols; c++ {
		for p, v := range unsafe.Slice(b.at(0, c), k) {
			panel[p*width+c] = v
		}
	}
}
