package optim_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/modelstest"
	"github.com/perennial-ml/perennial/optim"
)

var taught = []models.Spec{
	{Kind: "mlp", Task: models.Multiclass, Classes: 3, Dense: 130, Hidden: []int{70, 20}},
	{Kind: "mlp", Task: models.Binary, Dense: 30, Hidden: []int{72, 24}},      // whose gradients of one row need no product
	{Kind: "mlp", Task: models.Regression, Dense: 100, Hidden: []int{64, 32}}, // of widths that sgd takes in registers
	{Kind: "linear", Task: models.Regression, Dense: 5, Categories: []int{3}},
	{Kind: "cnn", Task: models.Binary, Dense: 36, Image: &models.Image{Height: 6, Width: 6}, Conv: []models.Conv{{Filters: 4}}, Hidden: []int{7}},
	{Kind: "deepfm", Task: models.Binary, Dense: 2, Categories: []int{50, 40}, Embedding: 6, Hidden: []int{24}},
}

// pupil is a model and what it learns by.
type pupil struct {
	*models.Model
	*optim.Pipeline
}

func newPupil(t testing.TB, s models.Spec, list []optim.Config, threads int) pupil {
	t.Helper()
	m, err := models.New(s, 256)
	require.NoError(t, err)
	require.NoError(t, m.Use(compute.Settings{Threads: threads}))
	m.Init(rand.New(rand.NewPCG(5, 6)))
	p, err := optim.New(list, m.Params())
	require.NoError(t, err)
	return pupil{m, p}
}

func (p pupil) state() optim.State { return p.Pipeline.State() }

func TestLearnGivesTheBitsOfGradientsAndStep(t *testing.T) {
	for name, list := range stepped() {
		for _, s := range taught {
			if s.Kind == "deepfm" && (name == "penalties" || name == "guards") {
				continue // they take no tables
			}
			t.Run(name+" "+s.Kind, func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, 8))
				learner, shared, apart := newPupil(t, s, list, 1), newPupil(t, s, list, 2), newPupil(t, s, list, 1)
				for step := range 30 {
					b := modelstest.Batch(s, []int{1, 2, 10, 40}[step%4], r)
					if step == 12 { // beyond what is taken in one pass
						b.Dense[0] = 1e15
					}
					want, err := apart.Gradients(b)
					if err == nil {
						err = apart.Step(apart.Grads(), apart.Params())
					}
					got, failed := learner.Learn(learner.Model, b)
					require.Equal(t, errors.Is(err, optim.ErrNonFinite), errors.Is(failed, optim.ErrNonFinite), "step %d", step)
					_, failed = shared.Learn(shared.Model, b)
					require.Equal(t, errors.Is(err, optim.ErrNonFinite), errors.Is(failed, optim.ErrNonFinite), "step %d on two threads", step)
					if err == nil {
						require.Equal(t, want, got, "loss of step %d", step)
					}
					require.True(t, apart.Params().Equal(learner.Params()), "parameters after step %d", step)
					require.True(t, apart.Params().Equal(shared.Params()), "parameters after step %d on two threads", step)
					require.True(t, apart.state().Tensors.Equal(learner.state().Tensors), "state after step %d", step)
					require.Equal(t, apart.state().Counters, learner.state().Counters)
					require.True(t, learner.Freeze().Tensors.Params().Equal(learner.state().Tensors), "frozen state after step %d", step)
				}
			})
		}
	}
}

// A restored sum of -0, which a gradient of 0 makes 0, is as good as any.
func TestLearnGivesTheBitsOfGradientsAndStepAfterSumsOfMinusZero(t *testing.T) {
	s, list := taught[1], []optim.Config{{Adagrad: &optim.Adagrad{}}}
	r := rand.New(rand.NewPCG(11, 12))
	learner, apart := newPupil(t, s, list, 1), newPupil(t, s, list, 1)
	state := learner.state()
	for _, tensor := range state.Tensors {
		for i := range tensor.Data {
			tensor.Data[i] = float32(math.Copysign(0, -1))
		}
	}
	require.NoError(t, learner.Restore(state))
	require.NoError(t, apart.Restore(state))
	for range 3 {
		b := modelstest.Batch(s, 1, r)
		_, err := learner.Learn(learner.Model, b)
		require.NoError(t, err)
		_, err = apart.Gradients(b)
		require.NoError(t, err)
		require.NoError(t, apart.Step(apart.Grads(), apart.Params()))
		require.True(t, apart.Params().Equal(learner.Params()))
		require.True(t, apart.state().Tensors.Equal(learner.state().Tensors))
	}
}

// Batches that threads share from the first product to the last update.
func TestBitsOfLearnDependOnNoThreads(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 300, Hidden: []int{130, 70}}
	for name, list := range stepped() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(11, 12))
			one, two, three := newPupil(t, s, list, 1), newPupil(t, s, list, 2), newPupil(t, s, list, 3)
			for step := range 24 {
				rows := []int{256, 20, 255, 1, 64, 133}[step%6]
				b := modelstest.Batch(s, rows, r)
				want, err := one.Learn(one.Model, b)
				require.NoError(t, err)
				for threads, p := range []pupil{two, three} {
					got, err := p.Learn(p.Model, b)
					require.NoError(t, err)
					require.Equal(t, want, got, "loss of step %d, %d rows, on %d threads", step, rows, threads+2)
					require.True(t, one.Params().Equal(p.Params()), "parameters after step %d, %d rows, on %d threads", step, rows, threads+2)
					require.True(t, one.state().Tensors.Equal(p.state().Tensors), "state after step %d, %d rows, on %d threads", step, rows, threads+2)
				}
			}
		})
	}
}

// What is not finite reaches neither parameters nor state, also where gradients are never
// whole.
func TestLearnDropsAStepThatIsNotFinite(t *testing.T) {
	for name, list := range stepped() {
		t.Run(name, func(t *testing.T) {
			s := taught[0]
			r := rand.New(rand.NewPCG(9, 10))
			p := newPupil(t, s, list, 1)
			_, err := p.Learn(p.Model, modelstest.Batch(s, 4, r))
			require.NoError(t, err)
			w := p.Params()
			clear(w[0].Data) // the inputs count for nothing, and their weights' gradient overflows
			for i := range w[1].Data {
				w[1].Data[i] = 1
			}
			for i := range w[4].Data {
				w[4].Data[i] *= 1e6
			}
			params, state := p.Params().Clone(), p.state()
			b := modelstest.Batch(s, 4, r)
			for i := range b.Dense {
				b.Dense[i] *= 1e36
			}
			_, err = p.Learn(p.Model, b)
			require.ErrorIs(t, err, optim.ErrNonFinite)
			require.True(t, params.Equal(p.Params()))
			require.True(t, state.Tensors.Equal(p.state().Tensors))
			require.Equal(t, state.Counters, p.state().Counters)
			_, err = p.Learn(p.Model, &models.Batch{Rows: 1})
			require.ErrorIs(t, err, models.ErrBatch)
		})
	}
}

func TestLearnAllocatesNothing(t *testing.T) {
	for _, name := range []string{"sgd", "momentum", "adamw", "adagrad"} {
		for _, s := range taught {
			for _, rows := range []int{1, 40} {
				t.Run(fmt.Sprint(name, " ", s.Kind, " ", rows), func(t *testing.T) {
					p := newPupil(t, s, stepped()[name], 1)
					b := modelstest.Batch(s, rows, rand.New(rand.NewPCG(1, 2)))
					require.Zero(t, testing.AllocsPerRun(20, func() {
						if _, err := p.Learn(p.Model, b); err != nil {
							t.Fatal(err)
						}
					}))
				})
			}
		}
	}
}

// testing.AllocsPerRun lets no second thread run.
func TestLearnOnThreadsAllocatesNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 300, Hidden: []int{130, 70}}
	for _, name := range []string{"sgd", "momentum", "adamw", "adagrad"} {
		t.Run(name, func(t *testing.T) {
			p := newPupil(t, s, stepped()[name], 2)
			b := modelstest.Batch(s, 256, rand.New(rand.NewPCG(1, 2)))
			least := math.Inf(1)
			for range 5 { // of a few counts: the runtime now and then makes a goroutine, which it keeps
				const steps = 20
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range steps {
					if _, err := p.Learn(p.Model, b); err != nil {
						t.Fatal(err)
					}
				}
				runtime.ReadMemStats(&after)
				least = min(least, float64(after.Mallocs-before.Mallocs)/steps)
			}
			require.Less(t, least, 1.0)
		})
	}
}

func BenchmarkLearn(b *testing.B) {
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 784, Hidden: []int{256, 256}}
	for _, rows := range []int{1, 10, 40} {
		batch := modelstest.Batch(s, rows, rand.New(rand.NewPCG(1, 2)))
		for _, name := range []string{"sgd", "adagrad"} {
			p := newPupil(b, s, stepped()[name][:1], 1)
			b.Run(fmt.Sprintf("%s/rows=%d/together", name, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Learn(p.Model, batch); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/rows=%d/apart", name, rows), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Gradients(batch); err != nil {
						b.Fatal(err)
					}
					if err := p.Step(p.Grads(), p.Params()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkLearnOnThreads(b *testing.B) {
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 784, Hidden: []int{256, 256}}
	for _, rows := range []int{1, 10, 32, 64, 256} {
		batch := modelstest.Batch(s, rows, rand.New(rand.NewPCG(1, 2)))
		for _, name := range []string{"sgd", "adagrad"} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/rows=%d/threads=%d", name, rows, threads), func(b *testing.B) {
					p := newPupil(b, s, stepped()[name], threads)
					_, err := p.Learn(p.Model, batch) // makes the graph
					require.NoError(b, err)
					b.ReportAllocs()
					for b.Loop() {
						if _, err := p.Learn(p.Model, batch); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// An engine scores a batch before it learns it.
func BenchmarkPredictAndLearn(b *testing.B) {
	s := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 784, Hidden: []int{256, 256}}
	for _, rows := range []int{64, 256} {
		batch, dst := modelstest.Batch(s, rows, rand.New(rand.NewPCG(1, 2))), make([]float32, rows*10)
		for _, of := range []struct {
			name string
			how  compute.Settings
		}{
			{"threads=1", compute.Settings{Threads: 1}},
			{"threads=2", compute.Settings{Threads: 2}},
			{"threads=2 shared", compute.Settings{Threads: 2}.Shared()},
		} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, of.name), func(b *testing.B) {
				p := newPupil(b, s, stepped()["sgd"], 1)
				require.NoError(b, p.Model.Use(of.how))
				scorer, err := models.NewPredictor(s, rows)
				require.NoError(b, err)
				require.NoError(b, scorer.Use(of.how))
				round := func() {
					if err := scorer.Predict(dst, batch); err != nil {
						b.Fatal(err)
					}
					if _, err := p.Learn(p.Model, batch); err != nil {
						b.Fatal(err)
					}
				}
				round() // makes the graphs
				for b.Loop() {
					round()
				}
			})
		}
	}
}
