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

// A shape is a number of rows and of registers of columns, the last in part if masked.
type shape struct {
	rows, vecs int
	masked     bool
}

// tiles are the shapes that a family computes in registers.
type tiles struct {
	lanes, rows int // per register; of the highest tile
	tile        map[shape]tileFunc
	// The highest tile, two registers wide.
	packed, placed panelFunc
	// Copies of what such tiles read: columns or rows of the left operand, as many as the
	// tile has rows, and panels of the right one.
	packRows    func(dst, src *float32, k, lds, tiles, apart int)
	packColumns func(dst, src *float32, k, lds int)
	packPanels  func(dst, src *float32, k, lds, panels int)
	gathered    [gatheredRows + 1][3]gatheredFunc // by rows and registers of columns
	sparse      [maxSparse + 1]sparseFunc         // by registers of columns
	// Of rows of up to 64 columns, which elements are not 0, and which columns are a value.
	nonzero      func(words *uint64, a *float32, rows, lda, cols int)
	equal        func(a *float32, rows, lda, cols int, value float32) uint64
	negativeZero func(a *float32, n int) uint32 // 0 if no element is -0
	// A row times a matrix, 1 or 8 terms at a step.
	sweep1, sweep8 func(c, a, b, in *float32, steps, n, ap, bp int)
	relu           func(dst, a *float32, n int)
	// A row times 8 or 32 rows of a transposed matrix.
	rowDots8, rowDots32 func(c, x, src, in *float32, k, lds int)
	// A copy of 8 rows as columns; ldd and lds are in bytes.
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
	left        []float32 // rows of a, packed tile by tile, or nil
	tail        bool      // left has the rows that make no whole tile, too
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
		h, blocks := t.rowsNext(i1-i, j.left == nil)
		var in *float32
		if j.in.p != nil {
			in = j.in.at(i, at)
		}
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
			t.placed(c, a, b.at(0, 0), in, j.k, j.c.i, j.in.i, blocks, ai, j.relu)
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

// inPanels computes a product in blocks of k and of rows, after Goto and van de Geijn.
func (t *blocked) inPanels(whole *job, f form, ws []float32) {
	vecs := t.vecs[min(whole.m, t.rows)]
	width := vecs * t.lanes
	pad := -int(uintptr(unsafe.Pointer(&ws[0]))/size) & 15 // to a cache line
	panels, left := ws[pad:][:groupSize], ws[pad+groupSize:]
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
			if packA {
				j.left = left
				t.packLeft(&j, f, i0, i1)
			}
			for at := 0; at < whole.n; at += group {
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
