package replay

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// A Retrieval names a policy of what to rehearse.
type Retrieval string

const (
	// Random draws any example held with equal probability.
	Random Retrieval = "random"
	// Balanced draws as evenly as possible from each class, or from each segment
	// where the memory goes by segments.
	Balanced Retrieval = "balanced"
	// Interfered draws candidates at random, and rehearses those whose losses a step
	// on the new examples alone would raise most (Aljundi et al., "Online continual
	// learning with maximally interfered retrieval", NeurIPS 2019). It needs a Judge.
	Interfered Retrieval = "max_interfered"
)

// Retrievals lists the policies.
func Retrievals() []Retrieval { return []Retrieval{Random, Balanced, Interfered} }

// Retrieve says which of the examples held are rehearsed.
type Retrieve struct {
	// Kind is the policy. Default random.
	Kind Retrieval `yaml:"kind" json:"kind,omitempty"`
	// Candidates is the number of examples that max_interfered chooses among; as many
	// as are rehearsed if that is more. Default 50.
	Candidates int `yaml:"candidates" json:"candidates,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Retrieve) WithDefaults() Retrieve {
	if c.Kind == "" {
		c.Kind = Random
	}
	if c.Candidates == 0 {
		c.Candidates = 50
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c Retrieve) Validate() error {
	switch {
	case !slices.Contains(Retrievals(), c.Kind):
		return fmt.Errorf("replay.retrieve.kind: must be one of %s, got %q", names(Retrievals()), c.Kind)
	case c.Candidates < 1 || c.Candidates > MaxCompare:
		return fmt.Errorf("replay.retrieve.candidates: must be in [1, %d], got %d", MaxCompare, c.Candidates)
	}
	return nil
}

// A Retriever chooses which of a memory's examples to rehearse. It holds no state. It is
// not safe for concurrent use.
type Retriever struct {
	cfg        Retrieve
	memory     Memory
	judge      Judge
	candidates []*Example
	before     []float32
	order      []rise
}

// rise is a candidate and how much its loss would rise.
type rise struct {
	at int
	by float64
}

// NewRetriever returns a Retriever over a memory that was made by a configuration with the
// same Retrieve. The judge may be nil but for max_interfered.
func NewRetriever(cfg Retrieve, m Memory, judge Judge) (*Retriever, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	_, groups := m.(balancer)
	switch {
	case cfg.Kind == Interfered && judge == nil:
		return nil, fmt.Errorf("replay.retrieve.kind: %s needs a judge", cfg.Kind)
	case cfg.Kind == Balanced && !groups:
		return nil, fmt.Errorf("replay.retrieve.kind: %s needs a memory that tells groups apart, got a %T", cfg.Kind, m)
	}
	return &Retriever{cfg: cfg, memory: m, judge: judge}, nil
}

// balancer is a memory that tells groups apart.
type balancer interface {
	DrawBalanced(dst []*Example, n int, r *rand.Rand) []*Example
}

// Retrieve appends n examples to dst, or every one if the memory holds fewer, without
// replacement, and returns dst. fresh are the new examples that they are rehearsed beside.
func (t *Retriever) Retrieve(dst []*Example, n int, fresh []*Example, r *rand.Rand) []*Example {
	switch {
	case n <= 0 || t.memory.Len() == 0:
		return dst
	case t.cfg.Kind == Balanced:
		return t.memory.(balancer).DrawBalanced(dst, n, r)
	case t.cfg.Kind == Interfered && n < t.memory.Len() && len(fresh) > 0:
		return t.interfered(dst, n, fresh, r)
	}
	return t.memory.Draw(dst, n, r)
}

// interfered is max_interfered. Of candidates whose losses rise equally the first drawn
// come first.
func (t *Retriever) interfered(dst []*Example, n int, fresh []*Example, r *rand.Rand) []*Example {
	t.candidates = t.memory.Draw(t.candidates[:0], max(n, t.cfg.Candidates), r)
	t.before = append(t.before[:0], t.judge.Judge(t.candidates).Losses...)
	after := t.judge.Ahead(t.candidates, fresh)
	t.order = t.order[:0]
	for i := range t.candidates {
		t.order = append(t.order, rise{at: i, by: float64(after[i]) - float64(t.before[i])})
	}
	slices.SortFunc(t.order, func(a, b rise) int {
		return cmp.Or(cmp.Compare(b.by, a.by), cmp.Compare(a.at, b.at))
	})
	for _, c := range t.order[:min(n, len(t.order))] {
		dst = append(dst, t.candidates[c.at])
	}
	clear(t.candidates)
	return dst
}
