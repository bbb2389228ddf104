package trial

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

const wide = `
name: wide
data: mnist
scenario: {kind: split, tasks: 1, mean: 0.13, scale: 0.31}
learner:
  model: {kind: mlp, hidden: [400, 400]}
  batch: {size: 128}
  optimizer: [{adamw: {learning_rate: 0.001}}]
  rehearsal: {ratio: -1}
methods: [{name: none}]
`

func prepareWide(b *testing.B) (*scenario.Examples, *learner) {
	b.Helper()
	s, err := protocol.Read("wide", strings.NewReader(wide))
	require.NoError(b, err)
	e, err := data.Find(s.Data)
	require.NoError(b, err)
	split, err := e.Load("../data/testdata")
	require.NoError(b, err)
	sc, err := scenario.New(s.Scenario, split, 1)
	require.NoError(b, err)
	cfg, err := s.Engine(s.Methods[0], protocol.ShapeOf(sc), 1)
	require.NoError(b, err)
	l, err := newLearner(cfg)
	require.NoError(b, err)
	return sc.Tasks[0].Train, l
}

// BenchmarkApplyBatch is a batch of 128 told as records and learned by the engine: MLP
// 784-400-400-10, AdamW. BenchmarkBareBatch is the arithmetic of its step alone.
func BenchmarkApplyBatch(b *testing.B) {
	rows, l := prepareWide(b)
	b.ReportAllocs()
	for range b.N {
		for i := range 128 {
			if err := l.learn(rows.Row(i), rows.Target(i)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBareBatch(b *testing.B) {
	rows, l := prepareWide(b)
	m, err := models.New(l.spec, 128)
	require.NoError(b, err)
	m.Init(rng.New(1, "init", 0))
	step, err := optim.New([]optim.Config{{AdamW: &optim.AdamW{}}}, m.Params())
	require.NoError(b, err)
	batch := models.Batch{Rows: 128, Dense: make([]float32, 128*rows.Inputs()), Targets: make([]float32, 1280), Weights: make([]float32, 128)}
	for i := range 128 {
		rows.Dense(batch.Dense[i*rows.Inputs():(i+1)*rows.Inputs()], i)
		batch.Targets[i*10+int(rows.Target(i))] = 1
		batch.Weights[i] = 1
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := m.Gradients(&batch); err != nil {
			b.Fatal(err)
		}
		if err := step.Step(m.Grads(), m.Params()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook is the scoring of a test set of 100 rows.
func BenchmarkLook(b *testing.B) {
	rows, l := prepareWide(b)
	head := rows.Head(100)
	for range b.N {
		if _, err := accuracy(l, head, nil); err != nil {
			b.Fatal(err)
		}
	}
}
