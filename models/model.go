package models

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute"
)

// A Model predicts and computes gradients. It is not safe for concurrent use.
type Model struct {
	*Predictor
	grads     Params
	squares   []float32        // by parameter
	trainers  map[int]*trainer // by rows
	current   *trainer         // the one that was used last
	objective Objective
	usual     bool               // objective is the zero value
	last      []float32          // logits of the last Gradients, in its graph's memory
	open      []*compute.Product // by parameter: gradients of the last Differentiate
	lastRows  int
	near      []Param // tables that rows are prefetched of
	single    *single // nil where batches of one row have nothing of their own
}

func newModel(p *Predictor) *Model {
	return &Model{
		Predictor: p, grads: p.params.ZeroGrads(), squares: make([]float32, len(p.params)), single: newSingle(&p.core), usual: true,
	}
}

// Init writes initial values to the parameters, drawn from r.
func (m *Model) Init(r *rand.Rand) { m.arch.Init(m.spec, m.params, r) }

// Grads returns live views of the gradients, in the order of Params. They hold the
// gradient of the last successful Gradients until the next call of it; the caller may
// overwrite them. Those of sparse parameters list the rows that the batch touched, in the
// order in which they first occur in it, but for rows whose gradient is 0 in each place;
// the next call makes them views of other memory.
func (m *Model) Grads() Params { return m.grads }

// Gradients computes the weighted mean loss of the batch,
//
//	Σ w_i loss_i / Σ w_i
//
// and what the Objective adds to it, and writes its gradients to Grads. If all weights are zero, the loss and the gradients
// are 0. It returns ErrBatch if the batch breaks a rule, and ErrNonFinite if an input, the
// loss or a gradient is not finite; Grads are then undefined, and Params as before.
func (m *Model) Gradients(b *Batch) (float64, error) {
	loss, err := m.Differentiate(b)
	if err == nil {
		err = m.Multiply()
	}
	return loss, err
}

// Differentiate is Gradients but for the parameters that have a Product: their Grads are
// undefined until Multiply.
func (m *Model) Differentiate(b *Batch) (float64, error) {
	m.last, m.open = nil, nil
	if err := b.checkFeatures(&m.core); err != nil {
		return 0, err
	}
	if b.Rows == 1 && m.single != nil && m.usual {
		return m.single.differentiate(m, b)
	}
	if err := b.checkLabels(&m.core); err != nil {
		return 0, err
	}
	if err := b.checkExtras(&m.core, &m.objective); err != nil {
		return 0, err
	}
	t, err := m.trainer(b.Rows)
	if err != nil {
		return 0, err
	}
	if err := t.fill(&m.core, b); err != nil {
		return 0, err
	}
	m.prefetch(t.ids[:min(len(t.ids), len(b.Categories))])
	targets, weights := copy(t.targets, b.Targets), copy(t.weights, b.Weights)
	if !t.partial {
		clear(t.targets[targets:])
		clear(t.weights[weights:])
	}
	if t.noise != nil {
		t.noise[0], t.noise[1] = int32(b.Noise), int32(b.Noise>>32)
	}
	m.smooth(t, b)
	m.fillExtras(t, b)
	if err := t.runner.Run(b.Rows); err != nil {
		return 0, fmt.Errorf("gradients: %w", err)
	}
	out, ok := t.runner.Output(0).(*gorgonia.F64)
	if !ok {
		return 0, fmt.Errorf("models: loss of the graph is %T, must be a float64 scalar", t.runner.Output(0))
	}
	loss := float64(*out)
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, fmt.Errorf("%w: loss is %v", ErrNonFinite, loss)
	}
	for i := range m.grads {
		dst := &m.grads[i]
		if dst.Sparse {
			if err := m.rows(t, i); err != nil {
				return 0, err
			}
			continue
		}
		if t.products[i] != nil && t.products[i].Given() {
			if t.norm >= 0 {
				t.products[i].Know(t.x, t.norm)
			}
			continue
		}
		src, err := t.values(1 + i)
		if err != nil {
			return 0, err
		}
		if !m.finite(i, src) {
			return 0, fmt.Errorf("%w: gradient of %s", ErrNonFinite, dst.Name)
		}
		if &src[0] != &dst.Data[0] {
			copy(dst.Data, src)
		}
	}
	if m.last, err = t.values(1 + len(m.grads)); err != nil {
		return 0, err
	}
	m.lastRows, m.open = b.Rows, t.products
	return loss, nil
}

// finite says whether the i-th gradient is, which the sum of its squares tells unless it
// overflows.
func (m *Model) finite(i int, grad []float32) bool {
	sum := m.kernels.Dot(grad, grad)
	m.squares[i] = sum
	return sum <= math.MaxFloat32 || m.kernels.Finite(grad)
}

// Squares returns the sum of the squares of the i-th gradient, in float32 and in one fixed order, or
// a bound of it, as the last Differentiate left it. It is undefined if that gradient has a Product.
func (m *Model) Squares(i int) float32 { return m.squares[i] }

// Product returns the gradient of the i-th parameter as the last Differentiate left it, nil
// if Grads has it. It holds until the next call that computes gradients.
func (m *Model) Product(i int) *compute.Product {
	if m.open == nil || m.open[i] == nil || !m.open[i].Given() {
		return nil
	}
	return m.open[i]
}

// Multiply writes the gradients that have a Product to Grads. It returns ErrNonFinite if
// one of them is not finite; Grads are then undefined.
func (m *Model) Multiply() error {
	for i := range m.grads {
		p, g := m.Product(i), &m.grads[i]
		if p == nil {
			continue
		}
		p.Write(g.Data)
		if !m.kernels.Finite(g.Data) {
			return fmt.Errorf("%w: gradient of %s", ErrNonFinite, g.Name)
		}
	}
	m.open = nil
	return nil
}

// rows takes over the gradient of the i-th parameter, a table.
func (m *Model) rows(t *trainer, i int) error {
	g, rows := &m.grads[i], t.sparse[i]
	if t.runner.Output(1+i) != nil { // from a runner that computes the whole table
		whole, err := t.values(1 + i)
		if err != nil {
			return err
		}
		rows.Index, rows.Values = rows.Index[:0], rows.Values[:0]
		listed, width := make(map[int32]bool), g.Width()
		for _, id := range t.ids {
			if id < 0 || listed[id] {
				continue
			}
			listed[id] = true
			row := whole[int(id)*width : (int(id)+1)*width]
			if slices.ContainsFunc(row, func(v float32) bool { return v != 0 }) {
				rows.Index, rows.Values = append(rows.Index, id), append(rows.Values, row...)
			}
		}
	}
	g.Rows, g.Data = rows.Index, rows.Values
	if !m.finite(i, g.Data) {
		return fmt.Errorf("%w: gradient of %s", ErrNonFinite, g.Name)
	}
	return nil
}

// results says where gradients go: to Grads, unless two parameters have one gradient, or to
// the trainer if they list rows.
func (m *Model) results(t *trainer, grads gorgonia.Nodes) (to map[*gorgonia.Node][]float32, sparse map[*gorgonia.Node]*compute.Sparse) {
	to, sparse = make(map[*gorgonia.Node][]float32), make(map[*gorgonia.Node]*compute.Sparse)
	t.sparse = make([]*compute.Sparse, len(grads))
	for i, n := range grads {
		if m.grads[i].Sparse {
			if sparse[n] == nil {
				sparse[n] = &compute.Sparse{}
			}
			t.sparse[i] = sparse[n]
		} else if _, taken := to[n]; !taken && n.Op() != nil {
			to[n] = m.grads[i].Data
		}
	}
	return to, sparse
}

// products lists gradients that may be left open: those of one parameter alone.
func (m *Model) products(t *trainer, grads gorgonia.Nodes) map[*gorgonia.Node]*compute.Product {
	t.products = make([]*compute.Product, len(grads))
	times := make(map[*gorgonia.Node]int)
	for _, n := range grads {
		times[n]++
	}
	out := make(map[*gorgonia.Node]*compute.Product)
	for i, n := range grads {
		if !m.grads[i].Sparse && times[n] == 1 {
			t.products[i] = &compute.Product{}
			out[n] = t.products[i]
		}
	}
	return out
}

// Use is as Predictor.Use.
func (m *Model) Use(s compute.Settings) error {
	if err := m.Predictor.Use(s); err != nil {
		return err
	}
	m.forget()
	if m.single != nil {
		m.single = newSingle(&m.core)
	}
	return nil
}

// forget lets graphs be built anew.
func (m *Model) forget() {
	clear(m.trainers)
	m.current = nil
}

// A trainer is a machine whose roots are the loss and the gradients, in the order of the
// parameters, and the logits.
type trainer struct {
	*machine
	*extras                     // nil for a plain objective
	size     int                // rows
	targets  []float32          // size × Outputs
	weights  []float32          // size; zero below the batch
	sparse   []*compute.Sparse  // by parameter: the gradient of a table, else nil
	products []*compute.Product // by parameter: the gradient of a matrix that may be left open
}

func (m *Model) trainer(rows int) (*trainer, error) {
	size := m.size(rows)
	if m.current != nil && m.current.size == size {
		return m.current, nil
	}
	if t, ok := m.trainers[size]; ok {
		m.current = t
		return t, nil
	}
	g, forward, err := m.build(size, true)
	if err != nil {
		return nil, err
	}
	k := m.spec.Outputs()
	t := &trainer{machine: forward, size: size, targets: make([]float32, size*k), weights: make([]float32, size)}
	cost, inputs, err := m.cost(g, t, size)
	if err != nil {
		return nil, fmt.Errorf("build loss of %s: %w", m.spec.Kind, err)
	}
	// gorgonia.Grad would start from its float64 constant 1, which graphs, as they know
	// constants by name, then take for the float32 one that derivatives of its ops need.
	seed := g.AddNode(gorgonia.NewConstant(1.0, gorgonia.WithName("seed")))
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{cost}, gorgonia.Nodes{seed}, t.nodes)
	if err != nil {
		return nil, fmt.Errorf("differentiate %s: %w", m.spec.Kind, err)
	}
	results, sparse := m.results(t, grads)
	products := m.products(t, grads)
	ok, err := m.assemble(t.machine, program{
		graph: g, roots: append(append(gorgonia.Nodes{cost}, grads...), t.logits), rows: size,
		batch: append(inputs, t.batch...), finite: t.nodes, results: results, sparse: sparse, products: products,
	}, rows)
	if err != nil {
		return nil, err
	}
	if !ok {
		return m.trainer(rows)
	}
	if m.trainers == nil {
		m.trainers = make(map[int]*trainer)
	}
	m.trainers[size], m.current = t, t
	return t, nil
}
