package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/models"
)

// A pool lends predictors of one model. A predictor's graph is built once for a spec;
// a new version only copies its parameters in, when a request first needs it, so that
// versions may change many times a second.
type pool struct {
	build func(models.Spec, int) (Predictor, error)
	rows  int           // capacity of each predictor
	slots chan struct{} // one token a predictor that may be lent

	mu   sync.Mutex
	idle []*worker
}

// A worker is one predictor with the batch that feeds it.
type worker struct {
	predictor Predictor
	spec      models.Spec
	raw       []byte          // spec as the version brought it
	holds     *hotload.Loaded // loaded into predictor; nil after a failed load
	weights   *models.Frozen  // in the predictor; nil if that is not known
	batch     models.Batch
	mask      []float32
	out       []float32
}

func newPool(build func(models.Spec, int) (Predictor, error), size, rows int) *pool {
	p := &pool{build: build, rows: rows, slots: make(chan struct{}, size)}
	for range size {
		p.slots <- struct{}{}
	}
	return p
}

// borrow waits for a predictor and loads w into it. Give it back with release.
func (p *pool) borrow(ctx context.Context, w *hotload.Loaded) (*worker, error) {
	select {
	case <-p.slots:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a predictor: %w", ctx.Err())
	}
	wk := p.take(w)
	if err := p.ready(wk, w); err != nil {
		p.release(wk)
		return nil, err
	}
	return wk, nil
}

// take prefers an idle worker that holds w already, then one of its spec.
func (p *pool) take(w *hotload.Loaded) *worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := len(p.idle) - 1
	for i, wk := range p.idle {
		if wk.holds == w {
			best = i
			break
		}
	}
	if best < 0 {
		return &worker{}
	}
	wk := p.idle[best]
	p.idle = slices.Delete(p.idle, best, best+1)
	return wk
}

func (p *pool) ready(wk *worker, w *hotload.Loaded) error {
	if wk.holds == w {
		return nil
	}
	wk.holds = nil
	if wk.predictor == nil || !bytes.Equal(wk.raw, w.Spec) {
		var spec models.Spec
		if err := json.Unmarshal(w.Spec, &spec); err != nil {
			return fmt.Errorf("read the spec of version %d: %w", w.Version, err)
		}
		predictor, err := p.build(spec, p.rows)
		if err != nil {
			return fmt.Errorf("build a predictor for version %d: %w", w.Version, err)
		}
		*wk = worker{predictor: predictor, spec: spec, raw: w.Spec, out: make([]float32, p.rows*spec.Outputs())}
	}
	have := wk.weights
	wk.weights = nil
	if err := wk.predictor.Update(w.Weights, have); err != nil {
		return fmt.Errorf("load version %d: %w", w.Version, err)
	}
	wk.holds, wk.weights = w, w.Weights
	return nil
}

func (p *pool) release(wk *worker) {
	p.mu.Lock()
	p.idle = append(p.idle, wk)
	p.mu.Unlock()
	p.slots <- struct{}{}
}

// predict computes the outputs of the rows that pick says, from w alone, into dst, where
// rows are equally wide: classes that w does not know get 0. It goes in steps of the
// predictor's capacity.
func (p *pool) predict(ctx context.Context, w *hotload.Loaded, rows []row, pick func(*row) bool, dst []float32) error {
	wk, err := p.borrow(ctx, w)
	if err != nil {
		return err
	}
	defer p.release(wk)
	spec := &wk.spec
	k, width := spec.Outputs(), len(dst)/len(rows)
	if k > width {
		return fmt.Errorf("version %d has %d outputs; the model is configured with %d", w.Version, k, width)
	}
	at := make([]int, 0, min(p.rows, len(rows)))
	for i := 0; i < len(rows); {
		b := &wk.batch
		b.Rows, b.Dense, b.Categories, at = 0, b.Dense[:0], b.Categories[:0], at[:0]
		masked := false
		for ; i < len(rows) && len(at) < p.rows; i++ {
			r := &rows[i]
			if !pick(r) {
				continue
			}
			if len(r.encoded.Dense) != spec.Dense || len(r.encoded.Categories) != len(spec.Categories) {
				return fmt.Errorf("version %d reads %d numbers and %d categories; the dictionary gives %d and %d",
					w.Version, spec.Dense, len(spec.Categories), len(r.encoded.Dense), len(r.encoded.Categories))
			}
			b.Dense = append(b.Dense, r.encoded.Dense...)
			b.Categories = append(b.Categories, r.encoded.Categories...)
			at = append(at, i)
			masked = masked || r.classes != nil
		}
		if len(at) == 0 {
			break
		}
		b.Rows, b.Mask = len(at), nil
		if masked {
			wk.mask = appendMasks(wk.mask[:0], rows, at, k)
			b.Mask = wk.mask
		}
		out := wk.out[:b.Rows*k]
		if err := wk.predictor.Predict(out, b); err != nil {
			return fmt.Errorf("predict with version %d: %w", w.Version, err)
		}
		for j, i := range at {
			for _, v := range out[j*k : (j+1)*k] {
				if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
					return fmt.Errorf("version %d: %w", w.Version, errNonFinite)
				}
			}
			row := dst[i*width : (i+1)*width]
			clear(row[copy(row, out[j*k:(j+1)*k]):])
		}
	}
	return nil
}

// appendMasks appends the mask of each row that at lists, k classes wide.
func appendMasks(dst []float32, rows []row, at []int, k int) []float32 {
	for _, i := range at {
		classes := rows[i].classes
		for c := range k {
			in := float32(0)
			if classes == nil || c < len(classes) && classes[c] != 0 {
				in = 1
			}
			dst = append(dst, in)
		}
	}
	return dst
}
