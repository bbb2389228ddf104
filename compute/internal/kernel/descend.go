package kernel

// descendTerms is the number of terms up to which a gradient is summed up in one go.
const descendTerms = panelSize / 16

// DescendTN is SGD, in place, for the gradient aᵀ b of rows of θ, which are n long: that of
// θ's row rows[i] is row i of the product. The bits are those of GemmTN and of SGD after it, but
// the gradient is never written: each tile of it is used while it is in registers, or in the
// first-level cache where terms whose factor in b is 0 are left out. a is k×len(rows), with rows lda
// apart, and b is k×n. No row is listed twice.
//
// It returns ok false, and does nothing, where it has nothing to offer: the family has no such
// kernel, the shape or the settings are others than those it is made for, or the product is faster
// without the terms whose factor in a is 0.
func (u *Updater) DescendTN(theta []float32, rows []int32, a, b []float32, n, k, lda int, h *Hyper, ws []float32) (finite, ok bool) {
	t, m := u.set.tiled, len(rows)
	if t == nil || m < t.rows || k < 1 || k > descendTerms || n == 0 || n%(panelVecs*t.lanes) != 0 || h.Scale != 1 || len(ws) < Workspace {
		return false, false
	}
	fits(a, k, m, lda)
	fits(b, k, n, n)
	j := newJob(formTN, theta, a, b, m, n, k, n, lda, n, start{}, false)
	if m*k >= sampleLeast && t.worthSparse(&j, formTN, ws) {
		return false, false
	}
	for _, row := range rows {
		_ = theta[int(row)*n:][:n]
	}
	if g, worth := t.turn(&j, ws); worth {
		return u.set.descendTurned(&j, rows, h, &g), true
	}
	return t.descendPanels(&j, rows, h, ws), true
}

// descendPanels goes over blocks of rows, and for each over panels of b.
func (t *blocked) descendPanels(j *job, rows []int32, h *Hyper, ws []float32) bool {
	width := panelVecs * t.lanes
	panels, left := panelRoom(ws)
	j.left = left
	step := t.rows * even((j.m+t.rows-1)/t.rows, blockA/(t.rows*j.k))
	bad := float32(0)
	for i := 0; i < j.m; i += step {
		here := rows[i:min(i+step, j.m)]
		t.packLeft(j, formTN, i, i+len(here))
		for at := 0; at < j.n; at += groupColumns {
			cols := min(groupColumns, j.n-at)
			t.packRight(panels, j.b.from(0, at), formTN, j.k, cols, width)
			for c := 0; c < cols; c += width {
				bad += t.descend(j.c.at(0, at+c), &j.left[0], &panels[c*j.k], &here[0], len(here), j.k,
					j.c.i, size*t.rows*j.k, h.Rate, h.Factor)
			}
		}
	}
	return bad == 0
}
