package models

import (
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/perennial-ml/perennial/compute/op"
)

// embeddingBound is the bound of the uniform distribution that embeddings start with. The
// inner products of fifty fields of 16 elements then add up to 0.1, so that a model begins
// near its bias.
const embeddingBound = 0.05

// WideAndDeep adds up a linear model and a perceptron over embeddings (Cheng et al., "Wide &
// deep learning for recommender systems", 2016). With c_f the row of field f, x the numeric
// features and e = [v_{c_1}, ..., v_{c_F}, x]
//
//	z = Σ_f w_{c_f} + x W + mlp(e)
//
// Both tables have Spec.Rows rows. The wide part knows crossed features if they are sent as
// a feature of their own. w and W start at 0, v uniform in ±0.05, the rest as Spec.Init says.
type WideAndDeep struct{}

// Layout implements Architecture.
func (WideAndDeep) Layout(s Spec) (Layout, error) { return embeddingLayout(s) }

// Tables implements Embedding.
func (WideAndDeep) Tables() []string { return []string{wideTable, embeddingTable} }

// Init implements Architecture.
func (WideAndDeep) Init(s Spec, p Params, r *rand.Rand) { initEmbedding(s, p, r) }

// Logits implements Architecture.
func (WideAndDeep) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	_, z, err := embeddingLogits(s, in, p)
	return z, err
}

// DeepFM is a factorization machine and a perceptron over the same embeddings (Guo et al.,
// "DeepFM: a factorization-machine based neural network for CTR prediction", 2017). With
// the names of WideAndDeep
//
//	z = Σ_f w_{c_f} + x W + Σ_{f<g} ⟨v_{c_f}, v_{c_g}⟩ + mlp(e)
//
// Numeric features take part in the linear term and in the perceptron, but not in the
// interactions. A softmax does not see a term that all classes share, so there is no DeepFM
// for multiclass.
type DeepFM struct{}

// Layout implements Architecture.
func (DeepFM) Layout(s Spec) (Layout, error) {
	if s.Task == Multiclass {
		return nil, specError("task", "is multiclass, must be binary or regression for kind deepfm; wide_and_deep takes classes")
	}
	return embeddingLayout(s)
}

// Tables implements Embedding.
func (DeepFM) Tables() []string { return []string{wideTable, embeddingTable} }

// Init implements Architecture.
func (DeepFM) Init(s Spec, p Params, r *rand.Rand) { initEmbedding(s, p, r) }

// Logits implements Architecture.
func (DeepFM) Logits(s Spec, in Inputs, p gorgonia.Nodes) (*gorgonia.Node, error) {
	vectors, z, err := embeddingLogits(s, in, p)
	if err != nil {
		return nil, err
	}
	pairs, err := op.FactorPairs(vectors, s.Embedding)
	if err != nil {
		return nil, err
	}
	return gorgonia.Add(z, pairs)
}

const (
	wideTable      = "wide.weight"
	embeddingTable = "embedding.weight"
	numericWeight  = "numeric.weight"
)

// embeddingLayout lists the two tables, the linear weights of numeric features if there
// are any, and the layers.
func embeddingLayout(s Spec) (Layout, error) {
	if s.Embedding == 0 {
		return nil, specError("embedding", "is absent, must be between 1 and %d for kind %s", MaxFactors, s.Kind)
	}
	if err := s.noImage(); err != nil {
		return nil, err
	}
	l := Layout{{wideTable, []int{s.Rows(), s.Outputs()}}, {embeddingTable, []int{s.Rows(), s.Embedding}}}
	if s.Dense > 0 {
		l = append(l, Layout{{numericWeight, []int{s.numbers(), s.Outputs()}}}...)
	}
	deep, err := deepLayers.some(s, len(s.sizes())*s.Embedding+s.numbers())
	return append(l, deep...), err
}

// tower is where the parameters of the layers begin.
func tower(s Spec) int {
	if s.Dense > 0 {
		return 3
	}
	return 2
}

func initEmbedding(s Spec, p Params, r *rand.Rand) {
	for _, t := range p[:tower(s)] {
		clear(t.Data)
	}
	uniform(p[1].Data, embeddingBound*embeddingBound, r)
	deepLayers.init(s, p[tower(s):], r)
}

// embeddingLogits returns the vectors of the fields, rows × (fields embedding), and the
// sum of the linear terms and the perceptron.
func embeddingLogits(s Spec, in Inputs, p gorgonia.Nodes) (vectors, z *gorgonia.Node, err error) {
	wide, err := op.Bags(p[0], in.IDs, in.Shares, len(s.Categories))
	if err != nil {
		return nil, nil, err
	}
	if vectors, err = op.Bags(p[1], in.IDs, in.Shares, 1); err != nil {
		return nil, nil, err
	}
	if len(s.Bags) > 0 {
		if vectors, err = op.Fold(vectors, s.sizes(), s.Embedding); err != nil {
			return nil, nil, err
		}
	}
	deep := vectors
	if s.Dense > 0 {
		if deep, err = gorgonia.Concat(1, vectors, in.Dense); err != nil {
			return nil, nil, err
		}
		// The linear term of the numeric features has no bias: the layers have one.
		linear, err := gorgonia.Mul(in.Dense, p[2])
		if err != nil {
			return nil, nil, err
		}
		if wide, err = gorgonia.Add(wide, linear); err != nil {
			return nil, nil, err
		}
	}
	if z, err = deepLayers.apply(s, in, deep, p[tower(s):]); err != nil {
		return nil, nil, err
	}
	z, err = gorgonia.Add(z, wide)
	return vectors, z, err
}
