package kernel

// What a filter sees is not written out: the rows of a tile are found through a list of
// their places in the image, after Dukhan, "The indirect convolution algorithm" (2019). The
// sums then run over the whole filter while they stay in registers.

// panelsOf copies the columns of b, k rows ldb apart, to panels of two registers' width, one
// after the other; the last is one register wide if that is enough, and filled up with 0.
func (t *blocked) panelsOf(panels, b []float32, k, n, ldb int) {
	width := 2 * t.lanes
	whole := n / width
	if whole > 0 {
		t.packPanels(&panels[0], &b[0], k, size*ldb, whole)
	}
	last, from := panels[whole*width*k:], whole*width
	if from == n {
		return
	}
	wide := t.wide(n - from)
	for p := range k {
		row := last[p*wide:][:wide]
		clear(row[copy(row, b[p*ldb+from:][:n-from]):])
	}
}

// wide is the width of a panel that has so many columns or more left.
func (t *blocked) wide(cols int) int {
	if cols > t.lanes {
		return 2 * t.lanes
	}
	return t.lanes
}

// A gathering is a product of gathered rows and a panel.
type gathering struct {
	a, b         *float32
	rows         []int
	k, ap        int
	strips, skip int
	bp           int
	wide, cols   int // of the panel: its width, and as many columns as are wanted
	relu         int
}

// into computes dst, rows×cols with rows ldd apart, from in, whose rows are ldin apart, or
// from 0 if that is nil. Where the panel is wider than dst, tiles are computed in spare.
func (t *blocked) into(g *gathering, dst, in []float32, ldd, ldin int, spare []float32) {
	vecs := g.wide / t.lanes
	for i := 0; i < len(g.rows); {
		h, blocks := tileRows(len(g.rows) - i)
		if g.cols == g.wide {
			var from *float32
			if in != nil {
				from = &in[i*ldin]
			}
			t.gathered[h][vecs](&dst[i*ldd], g.a, g.b, from, &g.rows[i], g.k, g.ap, g.strips, g.skip, g.bp,
				size*ldd, size*ldin, blocks, g.relu)
			i += h * blocks
			continue
		}
		tile := spare[:h*g.wide]
		clear(tile)
		for r := range h {
			if in != nil {
				copy(tile[r*g.wide:], in[(i+r)*ldin:][:g.cols])
			}
		}
		t.gathered[h][vecs](&tile[0], g.a, g.b, &tile[0], &g.rows[i], g.k, g.ap, g.strips, g.skip, g.bp,
			size*g.wide, size*g.wide, 1, g.relu)
		for r := range h {
			copy(dst[(i+r)*ldd:][:g.cols], tile[r*g.wide:])
		}
		i += h
	}
}

// tileRows returns the height of the next tiles of so many rows, and how many there are. A
// tile of less than four rows would wait for its own sums: what is left is split evenly.
func tileRows(rows int) (height, blocks int) {
	blocks, rest := rows/gatheredRows, rows%gatheredRows
	if rest > 0 && rest < 4 && blocks > 0 {
		blocks--
		rest += gatheredRows
	}
	switch {
	case blocks > 0:
		return gatheredRows, blocks
	case rest > gatheredRows:
		return (rest + 1) / 2, 1
	}
	return rest, 1
}

// correlate computes the positions in [from, to). If the panels of a whole filter are more
// than stay in the first-level cache, the sums wait in dst after some of its rows.
func (t *blocked) correlate(dst, x, panels, bias []float32, c *Correlation, from, to int, relu bool, ws []float32) {
	n, k := c.Filters, c.stretch()
	g := gathering{rows: c.places[from:to], k: k, ap: size, skip: size * (c.Pitch - k)}
	strips := min(c.Size, max(1, panelSize/(2*t.lanes*k)))
	for j := 0; j < n; j += 2 * t.lanes {
		g.cols = min(2*t.lanes, n-j)
		g.wide = t.wide(g.cols)
		g.bp = size * g.wide
		panel := panels[j*c.Terms():]
		to := dst[from*n+j:]
		for top := 0; top < c.Size; top += strips {
			g.strips = min(strips, c.Size-top)
			g.a, g.b = &x[top*c.Pitch], &panel[top*k*g.wide]
			if relu && top+g.strips == c.Size {
				g.relu = 1
			}
			switch {
			case top > 0:
				t.into(&g, to, to, n, n, ws)
			case bias != nil:
				t.into(&g, to, bias[j:], n, 0, ws)
			default:
				t.into(&g, to, nil, n, 0, ws)
			}
		}
		g.relu = 0
	}
}

// nearTerms is the number of elements of an image and of a panel that are worked on at a
// time: they stay in a first-level cache of 32 KB.
const nearTerms = 6144

// correlateTN goes over the image some lines of positions at a time, or some of a long line.
func (t *blocked) correlateTN(dst, x, dz []float32, c *Correlation, from, to int, ws []float32) {
	n, ap := c.Filters, c.Step*c.Depth
	positions := max(gatheredRows, nearTerms/(2*t.lanes+ap))
	lines, columns := max(1, positions/c.Columns), min(positions, c.Columns)
	spare, panel := ws[:gatheredRows*widest], ws[gatheredRows*widest:]
	g := gathering{rows: c.terms, ap: size * ap}
	for i := 0; i < c.Rows; i += lines {
		for l := 0; l < c.Columns; l += columns {
			g.k, g.strips = min(columns, c.Columns-l), min(lines, c.Rows-i)
			g.skip = size * (c.Step*c.Pitch - g.k*ap)
			g.a = &x[i*c.Step*c.Pitch+l*ap]
			for j := from; j < to; j += 2 * t.lanes {
				g.cols = min(2*t.lanes, to-j)
				g.wide = t.wide(g.cols)
				part := dz[(i*c.Columns+l)*n+j:]
				if g.bp = size * n; n > g.wide || g.cols < g.wide {
					t.panelsOf(panel, part, g.k*g.strips, g.cols, n)
					part, g.bp = panel, size*g.wide
				}
				g.b = &part[0]
				t.into(&g, dst[j:], dst[j:], n, n, spare)
			}
		}
	}
}
