package kernel

// The methods here work on the rows of a table, dim columns each and adjacent, that a list
// names, in its order.

// ahead is the number of rows that are requested from memory before they are worked on.
const ahead = 64

// near is how many of these are worked on before others are requested: what is on its way is little
// more than the lines that a core waits for at once, so that work and waiting overlap.
const near = 16

// Prefetch asks for the rows of table to be brought near.
func (s *Set) Prefetch(table []float32, rows []int32, dim int) {
	if s.f.prefetch != nil && len(rows) > 1 && len(table) > 0 {
		s.f.prefetch(&table[0], &rows[0], len(rows), dim)
	}
}

// take copies the rows of table to dst, one after the other; a row below 0 is zeros.
func (s *Set) take(dst, table []float32, rows []int32, dim int) {
	if s.f.takeRows != nil && dim%8 == 0 && len(rows) > 0 && s.within(rows, -1, len(table)/dim) {
		s.f.takeRows(&dst[:len(rows)*dim][0], &table[0], &rows[0], len(rows), size*dim)
		return
	}
	for i, r := range rows {
		if to := dst[i*dim:][:dim]; r < 0 {
			clear(to)
		} else {
			copy(to, table[int(r)*dim:][:dim])
		}
	}
}

// SGDRows is SGD, in place, on the rows of theta; row i of grad, len(rows)×dim, belongs to
// rows[i], which occurs once.
func (u *Updater) SGDRows(theta, grad []float32, rows []int32, dim int, h *Hyper) bool {
	return u.rows(updateSGD, theta, grad, nil, nil, rows, dim, h)
}

// MomentumRows is Momentum in the same way; v is as large as theta. The rows that are not
// named keep theirs.
func (u *Updater) MomentumRows(theta, grad, v []float32, rows []int32, dim int, h *Hyper) bool {
	kind := updateMomentum
	if h.Nesterov {
		kind = updateNesterov
	}
	return u.rows(kind, theta, grad, nil, v, rows, dim, h)
}

// AdagradRows is Adagrad in the same way; sum is as large as theta.
func (u *Updater) AdagradRows(theta, grad, sum []float32, rows []int32, dim int, h *Hyper) bool {
	return u.rows(updateAdagrad, theta, grad, nil, sum, rows, dim, h)
}

// AdamWRows is AdamW in the same way. Only the rows that are named decay, and their
// moments do: lazy Adam.
func (u *Updater) AdamWRows(theta, grad, m, v []float32, rows []int32, dim int, h *Hyper) bool {
	return u.rows(updateAdamW, theta, grad, m, v, rows, dim, h)
}

func (u *Updater) rows(kind int, theta, grad, m, v []float32, rows []int32, dim int, h *Hyper) bool {
	if dim == 0 {
		return true
	}
	u.hyper(h)
	finite := true
	step := ahead
	if len(rows) > ahead { // the processor looks ahead over fewer
		step = near
	}
	for base, asked := 0, 0; base < len(rows); base += step {
		part := rows[base:min(base+step, len(rows))]
		if step == near {
			next := rows[asked:min(base+ahead, len(rows))]
			u.set.Prefetch(theta, next, dim)
			u.set.Prefetch(m, next, dim)
			u.set.Prefetch(v, next, dim)
			asked += len(next)
		}
		switch {
		case dim == 1:
			finite = u.column(kind, theta, grad[base:], m, v, part) && finite
		case dim%8 == 0 && u.set.f.updateRows[kind] != nil:
			finite = u.together(kind, theta, grad[base*dim:], m, v, part, dim) && finite
		default:
			finite = u.apart(kind, theta, grad[base*dim:], m, v, part, dim) && finite
		}
	}
	return finite
}

// apart takes the step for one row after the other, where it lies.
func (u *Updater) apart(kind int, theta, grad, m, v []float32, rows []int32, dim int) bool {
	kernel, finite := u.set.f.update[3*kind], true
	u.u.n = dim
	for i, r := range rows {
		at := int(r) * dim
		u.u.theta, u.u.grad = first(theta[at:], dim), first(grad[i*dim:], dim)
		u.u.dst = u.u.theta
		if m != nil {
			u.u.m = first(m[at:], dim)
			u.u.m2 = u.u.m
		}
		if v != nil {
			u.u.v = first(v[at:], dim)
			u.u.v2 = u.u.v
		}
		finite = kernel(&u.u) == 0 && finite
	}
	return finite
}

// together takes the step for all rows in one call: one for each of a few registers would be as
// much work as the registers.
func (u *Updater) together(kind int, theta, grad, m, v []float32, rows []int32, dim int) bool {
	c, size := &u.u, len(theta)
	if !u.set.within(rows, 0, size/dim) {
		panic("kernel: a row that the table does not have")
	}
	c.n, c.grad = dim, first(grad, len(rows)*dim)
	c.dst, c.theta = &theta[0], &theta[0]
	if m != nil {
		c.m = first(m, size)
		c.m2 = c.m
	}
	if v != nil {
		c.v = first(v, size)
		c.v2 = c.v
	}
	return u.set.f.updateRows[kind](c, &rows[0], len(rows)) == 0
}

// column is rows for a table of one column and at most ahead rows, where a call for each row
// would be most of the work: they are gathered, and scattered again.
func (u *Updater) column(kind int, theta, grad, m, v []float32, rows []int32) bool {
	c := &u.u
	grad = grad[:len(rows)]
	var bad float32
	if kind == updateSGD {
		for i, r := range rows {
			t := theta[r] - float32(c.factor*float32(c.rate*float32(c.scale*grad[i])))
			theta[r] = t
			bad += t * 0
		}
		return bad == 0
	}
	n := len(rows)
	for i, r := range rows {
		u.theta[i], u.v[i] = theta[r], v[r]
	}
	for i, r := range rows {
		if m == nil {
			break
		}
		u.m[i] = m[r]
	}
	c.n, c.dst, c.theta, c.grad = n, &u.theta[0], &u.theta[0], &grad[0]
	c.m2, c.m, c.v2, c.v = &u.m[0], &u.m[0], &u.v[0], &u.v[0]
	bad = u.set.f.update[3*kind](c)
	for i, r := range rows {
		theta[r], v[r] = u.theta[i], u.v[i]
	}
	for i, r := range rows {
		if m == nil {
			break
		}
		m[r] = u.m[i]
	}
	return bad == 0
}
