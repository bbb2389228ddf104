package kernel

import "unsafe"

// A tileFunc computes blocks tiles below each other, of rows that its shape says and k
// terms. Strides are in bytes: of a between rows (ai) and terms (ap), of b between terms,
// of the rows of c and in; step is that
// of a from tile to tile. in is nil for 0, and c itself to go on with a sum.
type tileFunc func(c, a, b, in *float32, k, ldc, ai, ap, bp, ldin, blocks, step, cols, relu int)

// A gatheredFunc computes blocks tiles below each other, of rows that have places of their own
// in a: rows lists the distances in bytes. The sums run over strips of k terms: of a, terms are
// ap apart, and skip from the end of a strip to the next; of b, bp apart throughout.
type gatheredFunc func(c, a, b, in *float32, rows *int, k, ap, strips, skip, bp, ldc, ldin, blocks, relu int)

const gatheredRows = 6

// A panelFunc computes blocks tiles below each other from a panel of b that is packed. Rows of
// a are packed, and apart is the distance in bytes from tile to tile; or they lie in place with
// adjacent terms, and apart is that from row to row.
type panelFunc func(c, a, b, in *float32, k, ldc, ldin, blocks, apart, relu int)

// A packingFunc computes one tile from rows of a that lie in place and from columns of b, which
// it copies to a panel; bp is the distance in bytes of b's rows.
type packingFunc func(c, a, b, in, panel *float32, k, ldc, ldin, apart, bp, relu int)

// A descendFunc takes the step of SGD for n rows of θ, stride bytes apart, with tiles of a
// gradient that stays in registers; a and b are packed. It returns 0, or a NaN if not all that it
// wrote is finite.
type descendFunc func(theta, a, b *float32, rows *int32, n, k, stride, apart int, rate, factor float32) float32

// A shape is a number of rows and of registers of columns, the last in part if masked.
type shape struct {
	rows, vecs int
	masked     bool
}

// tiles are the shapes that a family computes in registers.
type tiles struct {
	lanes, rows int // per register; of the highest tile
	tile        map[shape]tileFunc
	// Two registers wide, over a panel: the highest tile, and by rows, from lowRows on.
	packed  panelFunc
	descend descendFunc
	// descend from a gradient that lies transposed.
	turned  turnedFunc
	lowRows int
	placed  [maxRows + 1]panelFunc
	packing [maxRows + 1]packingFunc
	// Copies of what such tiles read: columns or rows of the left operand, as many as the
	// tile has rows, and panels of the right one.
	packRows    func(dst, src *float32, k, lds, tiles, apart int)
	packColumns func(dst, src *float32, k, lds int)
	packPanels  func(dst, src *float32, k, lds, panels int)
	gathered    [gatheredRows + 1][3]gatheredFunc // by rows and registers of columns
	sparse      [maxSparse + 1]sparseFunc         // by registers of columns
	// Of rows of up to 64 columns, which elements are not 0, and which columns are a value.
	nonzero func(words *uint64, a *float32, rows, lda, cols int)
	// The same of up to 64 rows by column, with words for a multiple of 8 columns.
	nonzeroColumns func(words *uint64, a *float32, rows, lda, cols int)
	equal          func(a *float32, rows, lda, cols int, value float32) uint64
	negativeZero   func(a *float32, n int) uint32 // 0 if no element is -0
	// A row times a matrix, 1 or 8 terms at a step.
	sweep1, sweep8 func(c, a, b, in *float32, steps, n, ap, bp int)
	relu           func(dst, a *float32, n int)
	// A row times 8 or 32 rows of a transposed matrix; Far for rows of which 32 fill a first-level
	// cache.
	rowDots8, rowDots32, rowDots32Far func(c, x, src, in *float32, k, lds int)
	// A copy of 8 rows as columns; ldd and lds are in bytes.
	transpose8 func(dst, src *float32, k, lds, ldd int)
}

const (
	maxRows   = 12
	maxVecs   = 8
	panelVecs = 2 // of a tile over a panel
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
	left        []float32 // rows of a, packed tile by tile, or nil
	tail        bool      // left has the rows that make no whole tile, too
}

// start is where the sums of an element begin, nil for 0.
func (j *job) start(i, at int) *float32 {
	if j.in.p == nil {
		return nil
	}
	return j.in.at(i, at)
}

const size = 4 // bytes of a float32

func (t *blocked) gemm(form form, dst, a, b []float32, m, n, k, ldd, lda, ldb int, in start, relu bool, ws []float32) {
	j := newJob(form, dst, a, b, m, n, k, ldd, lda, ldb, in, relu)
	if m == 1 && form != formNT && n > maxVecs*t.lanes && k >= 8 {
		t.swept(&j)
		return
	}
	if form == formNT || m > 2*t.rows && k > 16 && n*k > panelSize {
		t.inPanels(&j, form, ws)
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

// nearColumns is how long rows may be for the next 32 of them to be requested meanwhile.
const nearColumns = 128

// dots computes a single row from the rows of b as they lie, bj bytes apart. n is at least
// 8 and, unless in is nil, a multiple of it: the last 8 sums may repeat some before them.
func (t *blocked) dots(c, x, b, in *float32, n, k, bj int) {
	at := func(p *float32, i int) *float32 {
		if p == nil {
			return nil
		}
		return (*float32)(unsafe.Add(unsafe.Pointer(p), i))
	}
	i, dots := 0, t.rowDots32
	if k > nearColumns {
		dots = t.rowDots32Far
	}
	for ; i+32 <= n; i += 32 {
		dots(at(c, i*size), x, at(b, i*bj), at(in, i*size), k, bj)
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
		h, blocks := t.rowsNext(i1-i, j.left == nil)
		in := j.start(i, at)
		c, a, ai, ap, step := j.c.at(i, at), j.a.at(i, 0), j.a.i, j.a.j, h*j.a.i
		packed := j.left != nil && (h == t.rows || j.tail)
		if packed {
			done := (i - i0) / t.rows * t.rows
			a = &j.left[done*j.k+(i-i0-done)]
			ai, ap, step = size, size*t.rows, size*t.rows*j.k
		}
		switch inPanel := h == t.rows && vecs == 2 && last == t.lanes && b.i == 2*size*t.lanes; {
		case inPanel && packed:
			t.packed(c, a, b.at(0, 0), in, j.k, j.c.i, j.in.i, blocks, step, j.relu)
		case inPanel && ap == size:
			t.placed[h](c, a, b.at(0, 0), in, j.k, j.c.i, j.in.i, blocks, ai, j.relu)
		default:
			tile[h][vecs](c, a, b.at(0, 0), in, j.k, j.c.i, ai, ap, b.i, j.in.i, blocks, step, last, j.relu)
		}
		i += h * blocks
	}
}

// rowsNext returns the height of the next tiles of so many rows, and how many there are. One of
// less than four rows would wait for its own sums: the last two share their rows, if they may.
func (t *blocked) rowsNext(rows int, share bool) (height, blocks int) {
	height, blocks = t.rows, rows/t.rows
	rest := rows % t.rows
	half := (t.rows + rest + 1) / 2
	switch {
	case blocks == 0:
		return t.height[rows], 1
	case !share || rest == 0 || rest > 3 || t.height[half] != half:
	case blocks > 1:
		blocks--
	default:
		height = half
	}
	return height, blocks
}
