package optim

import (
	"errors"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/models"
)

var (
	// ErrNonFinite says that a gradient, a step or the parameters after it hold a NaN
	// or an infinity. Drop the batch and go on. It is models.ErrNonFinite.
	ErrNonFinite = models.ErrNonFinite
	// ErrState says that a State does not fit the Transform that it is restored to.
	ErrState = errors.New("optim: state does not fit")
	// ErrConfig says that a configuration breaks a rule; the text names field and rule.
	ErrConfig = errors.New("optim: invalid configuration")
)

// A Transform rewrites a gradient into the step to take. Optimizers, clipping and
// penalties against forgetting are Transforms; Chain composes them.
type Transform interface {
	// Update overwrites grad, in place, with the step to subtract from params. Both
	// list the tensors that the Transform was made for; of sparse ones, grad lists
	// rows, and so does the step. It returns ErrNonFinite if
	// grad, the step, or params less the step hold a NaN or an infinity, and
	// models.ErrParams if the tensors are others. After an error the Transform's
	// state is as before, and grad undefined. Update never writes to params.
	Update(grad, params models.Params) error
	// State returns a copy of everything that later steps depend on.
	State() State
	// Restore replaces the state by a copy of one that State returned. It returns
	// ErrState, and changes nothing, if the state is another Transform's.
	Restore(State) error
}

// A State is what a Transform remembers, in a fixed order.
type State struct {
	Tensors  models.Params
	Counters []Counter
}

// A Counter is one named number of a State.
type Counter struct {
	Name  string
	Value uint64
}

// A Frozen is a State that never changes, in chunks that it shares with the one before it.
type Frozen struct {
	Tensors  *models.Frozen
	Counters []Counter
}

// Apply subtracts a step from the parameters. An Update that succeeded has checked that
// the result is finite.
func Apply(params, step models.Params) {
	for i := range params {
		if params[i].Sparse {
			applyRows(&params[i], &step[i])
			continue
		}
		dst := params[i].Data
		for j, s := range step[i].Data {
			dst[j] -= s
		}
	}
}

func applyRows(table, step *models.Param) {
	w := table.Width()
	for k, r := range step.Rows {
		dst := table.Data[int(r)*w:][:w]
		for j, s := range step.Data[k*w : (k+1)*w] {
			dst[j] -= s
		}
	}
}

// check returns ErrNonFinite unless p holds finite values alone.
func check(what string, p models.Params) error {
	for _, t := range p {
		if !models.Finite(t.Data) {
			return fmt.Errorf("%w: %s of %s", ErrNonFinite, what, t.Name)
		}
	}
	return nil
}

// checkStep returns ErrNonFinite unless params-step is finite, which it is not if step is
// not: params are finite before.
func checkStep(step, params models.Params) error {
	for i := range step {
		t, theta := &step[i], &params[i]
		ok := true
		if !theta.Sparse {
			ok = leadsToFinite(theta.Data, t.Data)
		} else {
			w := theta.Width()
			for k, r := range t.Rows {
				ok = ok && leadsToFinite(theta.Data[int(r)*w:], t.Data[k*w:(k+1)*w])
			}
		}
		if !ok {
			return fmt.Errorf("%w: parameters of %s after the step", ErrNonFinite, t.Name)
		}
	}
	return nil
}

func leadsToFinite(theta, step []float32) bool {
	theta = theta[:len(step)]
	for j, v := range step {
		if math.Float32bits(theta[j]-v)<<1 >= 0xff<<24 {
			return false
		}
	}
	return true
}
