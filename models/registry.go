package models

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Registry finds architectures by the name that a Spec calls its kind. The zero value
// is empty and ready to use.
type Registry struct {
	kinds map[string]Architecture
}

// Default returns a new registry that holds the kinds of this package.
func Default() *Registry {
	return &Registry{kinds: map[string]Architecture{
		"linear": Linear{}, "mlp": MLP{}, "cnn": CNN{},
		"deepfm": DeepFM{}, "wide_and_deep": WideAndDeep{}, "sparse_linear": SparseLinear{},
	}}
}

// Register adds an architecture. It returns an error if the name is empty or taken.
func (r *Registry) Register(kind string, a Architecture) error {
	if kind == "" {
		return fmt.Errorf("models: register an architecture: name must not be empty")
	}
	if _, taken := r.kinds[kind]; taken {
		return fmt.Errorf("models: register architecture %q: name is taken", kind)
	}
	if r.kinds == nil {
		r.kinds = make(map[string]Architecture)
	}
	r.kinds[kind] = a
	return nil
}

// Kinds returns the names in alphabetical order.
func (r *Registry) Kinds() []string { return slices.Sorted(maps.Keys(r.kinds)) }

// Validate returns ErrSpec, naming field and rule, unless s can be built.
func (r *Registry) Validate(s Spec) error {
	_, _, err := r.layout(s)
	return err
}

func (r *Registry) layout(s Spec) (Architecture, Layout, error) {
	a, ok := r.kinds[s.Kind]
	if !ok {
		return nil, nil, specError("kind", "is %q, must be one of %s", s.Kind, strings.Join(r.Kinds(), ", "))
	}
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	inputs := s.checkOneHot
	if _, ok := a.(Embedding); ok {
		inputs = s.checkTables
	}
	if err := inputs(); err != nil {
		return nil, nil, err
	}
	l, err := a.Layout(s)
	if err != nil {
		return nil, nil, err
	}
	return a, l, l.check(s, a)
}

// Tables names the parameters of a valid spec that are tables, whose gradients list rows;
// none for most kinds.
func (r *Registry) Tables(s Spec) []string {
	if e, ok := r.kinds[s.Kind].(Embedding); ok {
		return e.Tables()
	}
	return nil
}

// Names returns the names of the parameters of a spec, in their order. It returns ErrSpec,
// naming field and rule, unless s can be built.
func (r *Registry) Names(s Spec) ([]string, error) {
	_, l, err := r.layout(s)
	names := make([]string, len(l))
	for i, t := range l {
		names[i] = t.Name
	}
	return names, err
}

// New returns a model with parameters of zero (see Model.Init) that takes batches of up
// to capacity rows.
func (r *Registry) New(s Spec, capacity int) (*Model, error) {
	p, err := r.NewPredictor(s, capacity)
	if err != nil {
		return nil, err
	}
	return newModel(p), nil
}

// NewPredictor returns a predictor with parameters of zero (see Predictor.Load) that
// takes batches of up to capacity rows.
func (r *Registry) NewPredictor(s Spec, capacity int) (*Predictor, error) {
	a, l, err := r.layout(s)
	if err != nil {
		return nil, err
	}
	if capacity < 1 || capacity > MaxCapacity {
		return nil, fmt.Errorf("models: capacity is %d, must be between 1 and %d", capacity, MaxCapacity)
	}
	return &Predictor{core: newCore(s, a, l.zeros(a), capacity)}, nil
}

// Tables is Default().Tables.
func Tables(s Spec) []string { return Default().Tables(s) }

// Names is Default().Names.
func Names(s Spec) ([]string, error) { return Default().Names(s) }

// New is Default().New.
func New(s Spec, capacity int) (*Model, error) { return Default().New(s, capacity) }

// NewPredictor is Default().NewPredictor.
func NewPredictor(s Spec, capacity int) (*Predictor, error) {
	return Default().NewPredictor(s, capacity)
}
