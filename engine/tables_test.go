package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// tabled returns configurations of the kinds that look categories up, each with an
// optimizer of its own.
func tabled() map[string]func() (models.Spec, []optim.Config) {
	spec := func(kind string) models.Spec {
		return models.Spec{Kind: kind, Task: models.Binary, Dense: 3, Categories: []int{4}, Table: 1 << 17}
	}
	deep := func(kind string) models.Spec {
		s := spec(kind)
		s.Embedding, s.Hidden = 4, []int{8}
		return s
	}
	return map[string]func() (models.Spec, []optim.Config){
		"deepfm adagrad": func() (models.Spec, []optim.Config) {
			return deep("deepfm"), []optim.Config{{Clip: &optim.Clip{Norm: 1}}, {Adagrad: &optim.Adagrad{LearningRate: 0.1}}}
		},
		"wide_and_deep adamw": func() (models.Spec, []optim.Config) {
			s := deep("wide_and_deep")
			s.Table = 0
			return s, []optim.Config{{L2SP: &optim.L2SP{}}, {AdamW: &optim.AdamW{LearningRate: 0.01}}}
		},
		"sparse_linear ftrl": func() (models.Spec, []optim.Config) {
			return spec("sparse_linear"), []optim.Config{{FTRL: &optim.FTRL{Alpha: 0.3, L1: 0.01}}}
		},
	}
}

// A table's rows that a step touched, and the optimizer's rows beside them, come through a
// checkpoint as everything else does.
func TestModelsWithTablesGoOnBitForBitAfterARestore(t *testing.T) {
	for name, of := range tabled() {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Spec, cfg.Arms[0].Optimizer = of()
			log := traffic(5, 400).records
			whole := newEngine(t, cfg)
			want := apply(t, whole, log)

			broken := newEngine(t, cfg)
			var got []string
			r := rand.New(rand.NewPCG(5, 2))
			for at := 0; at < len(log); {
				n := min(1+r.IntN(240), len(log)-at)
				got = append(got, apply(t, broken, log[at:at+n])...)
				at += n
				broken = copied(t, cfg, broken)
			}
			require.Equal(t, want, got)
			require.Equal(t, hash(t, whole), hash(t, broken))

			rep := whole.Report()
			require.NotZero(t, rep.Arms[0].Counts.Steps)
			require.Zero(t, rep.Arms[0].Counts.NonFinite)
			require.Less(t, *rep.Arms[0].Prequential.Window.Loss, math.Ln2, "it learned less than nothing")
		})
	}
}

func TestATableIsNotForAKindThatGuardsEveryParameter(t *testing.T) {
	cfg := config()
	cfg.Spec, _ = tabled()["deepfm adagrad"]()
	cfg.Arms[0].Optimizer = []optim.Config{{EWC: &optim.EWC{}}, {SGD: &optim.SGD{}}}
	require.ErrorContains(t, cfg.WithDefaults().Validate(), "optimizer[0] is ewc, must be absent for a model with tables")
}

// shelves is a log of visits with up to three tags, whose sum decides.
func shelves(n int) []engine.Record {
	r := rand.New(rand.NewPCG(6, 2))
	l := newTape()
	for i := range n {
		x, score := row(r), 0
		for place := range 3 {
			tag := int32(-1)
			if place <= i%4-1 {
				tag = r.Int32N(40)
				score += 2*int(tag%2) - 1
			}
			x.Categories = append(x.Categories, tag)
		}
		y := 0.0
		if score > 0 {
			y = 1
		}
		l.add(time.Millisecond, selfContained(fmt.Sprint("s", i), x, y))
	}
	return l.records
}

func TestBagsOfCategoriesAreLearnedAndGoOnBitForBitAfterARestore(t *testing.T) {
	for name, of := range tabled() {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Spec, cfg.Arms[0].Optimizer = of()
			cfg.Spec.Categories = []int{4, 40, 40, 40}
			cfg.Spec.Bags = []models.Bag{{First: 1, Size: 3, Mean: name != "sparse_linear ftrl"}}
			log := shelves(1600)
			whole, broken := newEngine(t, cfg), newEngine(t, cfg)
			apply(t, whole, log)
			for len(log) > 0 {
				n := min(331, len(log))
				apply(t, broken, log[:n])
				log = log[n:]
				broken = copied(t, cfg, broken)
			}
			require.Equal(t, hash(t, whole), hash(t, broken))
			require.Greater(t, *whole.Report().Arms[0].Prequential.Window.Accuracy, 0.7)

			// A state of bags does not fit a model without them.
			cfg.Spec.Bags = nil
			err := newEngine(t, cfg).Restore(readFrom(partsOf(t, whole)))
			require.Error(t, err)
			if cfg.Spec.Kind == "sparse_linear" { // its tensors would fit
				require.ErrorContains(t, err, "category -1 is outside the 40 buckets")
			}
		})
	}
}
