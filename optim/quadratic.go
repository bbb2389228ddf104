package optim

import "github.com/perennial-ml/perennial/models"

// A quadratic is what consolidations leave to guard, the penalty
//
//	½ Σ_i A_i (θ_i - c_i)²
//
// with importances A and anchors c.
type quadratic struct {
	importance, anchor *slot
}

func newQuadratic(params models.Params) quadratic {
	return quadratic{importance: newSlot("importance", params), anchor: newSlot("anchor", params)}
}

// pull adds the gradient of the penalty, times strength.
func (q *quadratic) pull(grad, params models.Params, strength float32) {
	for i, t := range grad {
		theta, a, c := params[i].Data, q.importance.cur[i].Data, q.anchor.cur[i].Data
		for j, g := range t.Data {
			t.Data[j] = g + float32(float32(strength*a[j])*(theta[j]-c[j]))
		}
	}
}

// renew proposes one penalty in the place of the last, with older importances fading:
//
//	A <- decay A + f    c <- θ
func (q *quadratic) renew(f, params models.Params, decay float32) {
	a0, a1 := q.importance.write()
	_, c := q.anchor.write()
	for i := range f {
		for j, v := range f[i].Data {
			a1[i].Data[j] = float32(decay*a0[i].Data[j]) + v
		}
		copy(c[i].Data, params[i].Data)
	}
}

// join proposes one penalty more beside the last. The sum of two quadratics is one again,
// but for a constant (Huszár, "Note on the quadratic penalties in elastic weight
// consolidation", 2018):
//
//	A <- A + f    c <- c + f/(A+f) (θ - c)
func (q *quadratic) join(f, params models.Params) {
	a0, a1 := q.importance.write()
	c0, c1 := q.anchor.write()
	for i := range f {
		for j, v := range f[i].Data {
			a := a0[i].Data[j] + v
			c := c0[i].Data[j]
			if a > 0 {
				c += float32(v / a * (params[i].Data[j] - c))
			}
			a1[i].Data[j], c1[i].Data[j] = a, c
		}
	}
}
