package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
)

// Compute is compute.Settings, for packages that see models alone.
type Compute = compute.Settings

// A Predictor computes predictions and holds no gradient graph: it is what a server
// needs. It is not safe for concurrent use.
type Predictor struct {
	core
	machines map[int]*machine // by rows
	probes   map[int]*probe   // by rows
}

// Spec returns the spec that the predictor was built from.
func (p *Predictor) Spec() Spec { return p.spec }

// Capacity returns the largest number of rows of a batch.
func (p *Predictor) Capacity() int { return p.capacity }

// Params returns live views of the parameters: the next Predict sees what is written. That must be
// finite: a product may pass over a weight whose input is 0, whatever it is.
func (p *Predictor) Params() Params { return p.params }

// Load copies src into the parameters. It returns ErrParams if src does not fit and
// ErrNonFinite if it holds a NaN or an infinity, and then changes nothing.
func (p *Predictor) Load(src Params) error {
	if err := p.params.Fits(src); err != nil {
		return err
	}
	if !src.Finite() {
		return fmt.Errorf("%w: parameters to load", ErrNonFinite)
	}
	return p.params.CopyFrom(src)
}

// Update is Load of f for a Predictor whose parameters hold the values of have, as after
// Update(have): it copies the chunks that the two do not share. Without have it copies all.
func (p *Predictor) Update(f, have *Frozen) error {
	if err := f.Fits(p.params); err != nil {
		return err
	}
	if !f.finiteBy(p.kernels.Finite) {
		return fmt.Errorf("%w: parameters to load", ErrNonFinite)
	}
	return f.Update(p.params, have)
}

// Warm builds the graph that batches of up to rows rows need, so that the first of them
// does not wait for it.
func (p *Predictor) Warm(rows int) error {
	if rows < 1 || rows > p.capacity {
		return fmt.Errorf("%w: Rows is %d, must be between 1 and %d", ErrBatch, rows, p.capacity)
	}
	_, err := p.machine(rows)
	return err
}

// Predict writes b.Rows × Outputs values to dst: p(1) (binary), the probabilities of the
// classes (multiclass), 0 where the batch masks one, or the value (regression). It returns ErrBatch if the batch or dst
// does not fit, and ErrNonFinite if an input or a result is not finite; dst is then
// undefined.
func (p *Predictor) Predict(dst []float32, b *Batch) error {
	logits, err := p.logits(dst, b)
	if err != nil {
		return err
	}
	if b.Mask != nil {
		return p.respondMasked(dst, logits, b)
	}
	p.respond(dst, logits, p.spec.Outputs())
	return nil
}

// Logits is as Predict, but writes what the output layer gives: logits, or the value of a
// regression.
func (p *Predictor) Logits(dst []float32, b *Batch) error {
	logits, err := p.logits(dst, b)
	if err != nil {
		return err
	}
	copy(dst, logits)
	return nil
}

// logits runs a batch, and returns the graph's own memory of as many values as dst has.
func (p *Predictor) logits(dst []float32, b *Batch) ([]float32, error) {
	if err := b.checkFeatures(&p.core); err != nil {
		return nil, err
	}
	k := p.spec.Outputs()
	if len(dst) != b.Rows*k {
		return nil, fmt.Errorf("%w: dst has %d values, must be %d rows of %d", ErrBatch, len(dst), b.Rows, k)
	}
	m, err := p.machine(b.Rows)
	if err != nil {
		return nil, err
	}
	if err := m.fill(&p.core, b); err != nil {
		return nil, err
	}
	if err := m.runner.Run(b.Rows); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	logits, err := m.values(0)
	if err != nil {
		return nil, err
	}
	logits = logits[:len(dst)]
	if !p.kernels.Finite(logits) {
		return nil, fmt.Errorf("%w: prediction", ErrNonFinite)
	}
	return logits, nil
}

// Use computes by the kernels and threads of s from now on, by the best kernels on one
// thread until then. No bit depends on it. Graphs are built anew when a batch next needs
// them. The error says what this machine has.
func (p *Predictor) Use(s compute.Settings) error {
	kernels, err := s.Arithmetic()
	if err != nil {
		return err
	}
	p.kernels = kernels
	p.run = plan(compute.WithKernels(kernels.Name()), compute.WithTeam(s.Team()))
	clear(p.machines)
	clear(p.probes)
	return nil
}

// machine returns the graph that runs a batch of rows, and builds it if it is not there.
func (p *Predictor) machine(rows int) (*machine, error) {
	size := p.size(rows)
	if m, ok := p.machines[size]; ok {
		return m, nil
	}
	g, m, err := p.build(size, false)
	if err != nil {
		return nil, err
	}
	ok, err := p.assemble(m, program{
		graph: g, roots: gorgonia.Nodes{m.logits}, rows: size, batch: m.batch, finite: m.nodes,
	}, rows)
	if err != nil {
		return nil, err
	}
	if !ok {
		return p.machine(rows)
	}
	if p.machines == nil {
		p.machines = make(map[int]*machine)
	}
	p.machines[size] = m
	return m, nil
}
