package kernel

import "unsafe"

// A tileFunc computes blocks tiles below each other, of rows that its shape says and k
// terms. Strides are in bytes: of a between rows (ai) and terms (ap), of b between terms,
// of the rows of c and in; step is that
// of a from tile to tile. in is nil for 0, and c itself to go on with a sum.
type tileFunc func(c, a, b, in *float32, k, ldc, ai, ap, bp, ldin, blocks, step, cols, relu int)

// A shape is a number of rows and of registers of columns, the last in part if masked.
type shape struct {
	rows, vecs int
	masked     bool
}

// tiles are the shapes that a family computes in registers.
type tiles struct {
	lanes, rows int // per register; of the highest tile
	tile        map[shape]tileFunc
	packRows    func(dst, src *float32, k, lds int)
	// A row times a matrix, 1 or 8 terms at a step.
	sweep1, sweep8 func(c, a, b, in *float32, steps, n, ap, bp int)
	relu           func(dst, a *float32, n int)
	// A row times 8 or 32 rows of a transposed matrix.
	rowDots8, rowDots32 func(c, x, src, in *float32, k, lds int)
	// Copies of 16 columns, and of 8 rows as columns; ldd and lds are in bytes.
	pack16     func(dst, src *float32, k, lds, ldd, ahead int)
	transpose8 func(dst, src *float32, k, lds, ldd int)
}

const (
	maxRows = 12
	maxVecs = 8
)

// blocked computes products of any size from tiles.
type blocked struct {
	tiles
	whole, part [maxRows + 1][maxVecs + 1]tileFunc
	vecs        [maxRows + 1]int // widest whole tile of that height
	height      [maxRows + 1]int // highest tile that is not above
}

func newBlocked(t tiles) *blocked {
	b := &blocked{tiles: t}
	for s, f := range t.tile {
		if s.masked {
			b.part[s.rows][s.vecs] = f
		} else {
			b.whole[s.rows][s.vecs] = f
			b.vecs[s.rows] = max(b.vecs[s.rows], s.vecs)
		}
	}
	for h := 1; h < len(b.height); h++ {
		if b.height[h] = h; b.vecs[h] == 0 {
			b.height[h], b.vecs[h] = b.height[h-1], b.vecs[h-1]
		}
	}
	return b
}

// A factor is an operand or result: where it begins, and its strides in bytes.
type factor struct {
	p    unsafe.Pointer
	i, j int
}

func (f factor) at(i, j int) *float32 { return (*float32)(unsafe.Add(f.p, i*f.i+j*f.j)) }

func (f factor) from(i, j int) factor {
	f.p = unsafe.Pointer(f.at(i, j))
	return f
}

// A job is one product over one range of k.
type job struct {
	c, a, b, in factor // in.p is nil for 0
	m, n, k     int
	relu        int
	left        []float32 // rows of a, packed, or nil
}

const size = 4 // bytes of a float32

func (t *blocked) gemm(form form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, ws []float32) {
	j := job{
		c: factor{unsafe.Pointer(&dst[0]), size * ldd, size},
		a: factor{unsafe.Pointer(&a[0]), size * lda, size},
		b: factor{unsafe.Pointer(&b[0]), size * ldb, size},
		m: m, n: n, k: k,
	}
	switch form {
	case formTN:
		j.a.i, j.a.j = j.a.j, j.a.i
	case formNT:
		j.b.i, j.b.j = j.b.j, j.b.i
	}
	switch {
	case in.row != nil:
		j.in = factor{unsafe.Pointer(&in.row[0]), 0, size}
	case in.acc:
		j.in = j.c
	}
	if relu {
		j.relu = 1
	}
	if m == 1 && form != formNT && n > maxVecs*t.lanes && k >= 8 {
		t.swept(&j)
		return
	}
	if form == formNT || m > 2*t.rows && k > 16 && n*k > panelSize {
		t.packed(&j, form, ws)
		return
	}
	t.strip(&j, j.b, 0, n, 0, m)
}

// holds tells whether one tile holds an m×n product.
func (t *blocked) holds(m, n int) bool { return m <= t.rows && n <= 2*t.lanes && t.height[m] == m }

// single computes a product that one tile holds. Strides are in bytes.
func (t *blocked) single(c, a, b, in *float32, m, n, k, ldc, ai, ap, bp, ldin, relu int) {
	tile, vecs, last := &t.whole, 1, n
	if n > t.lanes {
		vecs, last = 2, n-t.lanes
	}
	if last < t.lanes {
		tile = &t.part
	}
	tile[m][vecs](c, a, b, in, k, ldc, ai, ap, bp, ldin, 1, 0, last, relu)
}

// swept computes a single row in the order of b.
func (t *blocked) swept(j *job) {
	c, in := j.c.at(0, 0), j.in.p
	steps, rest := j.k/8, j.k%8
	t.sweep8(c, j.a.at(0, 0), j.b.at(0, 0), (*float32)(in), steps, j.n, j.a.j, j.b.i)
	if rest > 0 {
		t.sweep1(c, j.a.at(0, 8*steps), j.b.at(8*steps, 0), c, rest, j.n, j.a.j, j.b.i)
	}
	if j.relu != 0 {
		t.relu(c, c, j.n)
	}
}

// dots computes a single row from the rows of b as they lie, bj bytes apart. n is at least
// 8 and, unless in is nil, a multiple of it: the last 8 sums may repeat some before them.
func (t *blocked) dots(c, x, b, in *float32, n, k, bj int) {
	at := func(p *float32, i int) *float32 {
		if p == nil {
			return nil
		}
		return (*float32)(unsafe.Add(unsafe.Pointer(p), i))
	}
	i := 0
	for ; i+32 <= n; i += 32 {
		t.rowDots32(at(c, i*size), x, at(b, i*bj), at(in, i*size), k, bj)
	}
	for i < n {
		i = min(i, n-8)
		t.rowDots8(at(c, i*size), x, at(b, i*bj), at(in, i*size), k, bj)
		i += 8
	}
}

// strip computes rows i0 to i1 of cols columns from at on. b begins with column at.
func (t *blocked) strip(j *job, b factor, at, cols, i0, i1 int) {
	most := t.vecs[min(i1-i0, t.rows)]
	for done := 0; done < cols; {
		left, vecs := cols-done, most
		for vecs > 2 && vecs*t.lanes > left {
			vecs /= 2
		}
		if vecs == 2 && left <= t.lanes {
			vecs = 1
		}
		n := min(vecs*t.lanes, left)
		t.rowsOf(j, b.from(0, done), at+done, i0, i1, vecs, n)
		done += n
	}
}

// rowsOf computes rows i0 to i1 of cols columns from at on, with tiles of vecs registers.
func (t *blocked) rowsOf(j *job, b factor, at, i0, i1, vecs, cols int) {
	tile, last := &t.whole, cols-(vecs-1)*t.lanes
	if last < t.lanes {
		tile = &t.part
	}
	for i := i0; i < i1; {
		h, blocks := t.rows, (i1-i)/t.rows
		if blocks == 0 {
			h, blocks = t.height[i1-i], 1
		}
		var in *float32
		if j.in.p != nil {
			in = j.in.at(i, at)
		}
		a, ai, ap, step := j.a.at(i, 0), j.a.i, j.a.j, h*j.a.i
		if j.left != nil && h == t.rows {
			a, ai, ap, step = &j.left[(i-i0)*j.k], size, size*h, size*h*j.k
		}
		tile[h][vecs](j.c.at(i, at), a, b.at(0, 0), in, j.k, j.c.i, ai, ap, b.i, j.in.i, blocks, step, last, j.relu)
		i += h * blocks
	}
}

// packed computes a product in blocks of k and of rows, after Goto and van de Geijn, but
// packs b panel by panel and a not at all.
func (t *blocked) packed(whole *job, f form, ws []float32) {
	transposed := f == formNT
	vecs := t.vecs[min(whole.m, t.rows)]
	width := vecs * t.lanes
	pad := -int(uintptr(unsafe.Pointer(&ws[0]))/size) & 15 // to a cache line
	panel := ws[pad:][:panelSize]
	packA := f == formTN && whole.n >= 4*width
	left := ws[pad+panelSize:]
	kStep := even(whole.k, min(panelSize/width, 320))
	mStep := whole.m
	if blockA/kStep < whole.m {
		mStep = even(whole.m, max(blockA/kStep, t.rows))
		mStep = (mStep + t.rows - 1) / t.rows * t.rows
	}
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
			if packA {
				t.packRowsOf(&j, left, i0, i1)
			}
			for at := 0; at < whole.n; at += width {
				cols := min(width, whole.n-at)
				b := whole.b.from(k0, at)
				switch {
				case transposed:
					t.packTransposed(panel, b, j.k, cols, width)
				case cols == width:
					for c := 0; c < width; c += 16 {
						t.pack16(&panel[c], b.at(0, c), j.k, b.i, size*width, size*width)
					}
				}
				if transposed || cols == width {
					b = factor{unsafe.Pointer(&panel[0]), size * width, size}
				}
				t.strip(&j, b, at, cols, i0, i1)
			}
		}
	}
}

// packRowsOf copies rows i0 to i1 of a, as many as make whole tiles, in the order in which
// tiles read them.
func (t *blocked) packRowsOf(j *job, left []float32, i0, i1 int) {
	for i := i0; i+t.rows <= i1; i += t.rows {
		t.packRows(&left[(i-i0)*j.k], j.a.at(i, 0), j.k, j.a.j)
	}
	j.left = left
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
