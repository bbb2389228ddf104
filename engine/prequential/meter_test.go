package prequential_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
)

// a scored example, as a test keeps it.
type sample struct {
	segment        string
	pred           []float32
	target, weight float32
}

func tasks() []models.Task {
	return []models.Task{models.Binary, models.Multiclass, models.Regression}
}

func random(task models.Task, r *rand.Rand) sample {
	s := sample{segment: []string{"", "a", "b", "c", "d", "other"}[r.IntN(6)], weight: float32(0.25 + r.Float64())}
	switch task {
	case models.Binary:
		s.pred = []float32{float32(r.IntN(21)) / 20} // with ties
		s.target = float32(r.IntN(5)) / 4            // soft, some
	case models.Multiclass:
		a, b := r.Float32()/2, r.Float32()/2
		s.pred, s.target = []float32{a, b, 1 - a - b}, float32(r.IntN(3))
	default:
		s.pred, s.target = []float32{float32(r.NormFloat64() * 1e3)}, float32(r.NormFloat64()*1e3)
	}
	return s
}

func newMeter(t testing.TB, cfg prequential.Config) *prequential.Meter {
	t.Helper()
	m, err := prequential.New(cfg)
	require.NoError(t, err)
	return m
}

func add(m *prequential.Meter, s sample) { m.Add(s.segment, s.pred, s.target, s.weight) }

// want computes scores by their definitions, pair by pair.
func want(task models.Task, list []sample, factor float64) prequential.Scores {
	s := prequential.Scores{N: uint64(len(list))}
	if len(list) == 0 {
		return s
	}
	var loss, hits, absolute, ordered, pairs float64
	losses, weights := make([]float64, len(list)), make([]float64, len(list))
	var gap [15]float64
	for i, e := range list {
		target := []float32{e.target}
		if task == models.Multiclass {
			target = make([]float32, len(e.pred))
			target[int(e.target)] = 1
		}
		losses[i] = models.Loss(task, e.pred, target)
		weights[i] = float64(e.weight) * math.Pow(factor, float64(len(list)-1-i))
		s.Weight += weights[i]
		loss += weights[i] * losses[i]
		top, hit := 0, 0.0
		for c, p := range e.pred {
			if p > e.pred[top] {
				top = c
			}
		}
		switch {
		case task == models.Regression:
			absolute += weights[i] * math.Abs(float64(e.pred[0]-e.target))
			continue
		case task == models.Multiclass && top == int(e.target):
			hit = 1
			hits += weights[i]
		case task == models.Binary:
			if e.target >= 0.5 {
				hit = 1
			}
			if (e.pred[0] >= 0.5) == (e.target >= 0.5) {
				hits += weights[i]
			}
		}
		q := float64(e.pred[top])
		gap[min(int(q*15), 14)] += weights[i] * (q - hit)
	}
	at := func(v float64) *float64 { return &v }
	s.Loss = at(loss / s.Weight)
	if len(list) > 1 {
		sum := 0.0
		for i := range losses {
			sum += weights[i] * math.Pow(losses[i]-*s.Loss, 2)
		}
		s.LossSD = at(math.Sqrt(sum / s.Weight))
	}
	if task == models.Regression {
		s.MAE = at(absolute / s.Weight)
		return s
	}
	s.Accuracy = at(hits / s.Weight)
	sum := 0.0
	for _, g := range gap {
		sum += math.Abs(g)
	}
	s.ECE = at(sum / s.Weight)
	if task != models.Binary || factor != 1 {
		return s
	}
	for i, e := range list {
		for j, f := range list {
			if e.target < 0.5 || f.target >= 0.5 {
				continue
			}
			w := weights[i] * weights[j]
			pairs += w
			switch {
			case e.pred[0] > f.pred[0]:
				ordered += w
			case e.pred[0] == f.pred[0]:
				ordered += w / 2
			}
		}
	}
	if pairs > 0 {
		s.AUC = at(ordered / pairs)
	}
	return s
}

func requireScores(t *testing.T, want, got prequential.Scores) {
	t.Helper()
	require.Equal(t, want.N, got.N)
	require.InDelta(t, want.Weight, got.Weight, 1e-9*(1+want.Weight))
	for _, f := range []struct {
		name      string
		want, got *float64
	}{
		{"loss", want.Loss, got.Loss}, {"loss_sd", want.LossSD, got.LossSD}, {"accuracy", want.Accuracy, got.Accuracy},
		{"auc", want.AUC, got.AUC}, {"ece", want.ECE, got.ECE}, {"mae", want.MAE, got.MAE},
	} {
		require.Equal(t, f.want == nil, f.got == nil, "%s is absent", f.name)
		if f.want != nil {
			require.InDelta(t, *f.want, *f.got, 1e-6*(1+math.Abs(*f.want)), f.name)
		}
	}
}

func TestScoresAreThoseOfTheirDefinitions(t *testing.T) {
	for _, task := range tasks() {
		t.Run(string(task), func(t *testing.T) {
			cfg := prequential.Config{Task: task, Window: 40, Fading: 0.97, MaxSegments: 2}
			m := newMeter(t, cfg)
			r := rng.New(1, "samples", 0)
			var list []sample
			parts := map[string][]sample{}
			for i := range 300 {
				s := random(task, r)
				add(m, s)
				list = append(list, s)
				name := s.segment
				if _, ok := parts[name]; !ok && name != "" && name != "other" {
					own := len(parts)
					if parts["other"] != nil {
						own--
					}
					if own >= cfg.MaxSegments {
						name = "other"
					}
				}
				if name != "" {
					parts[name] = append(parts[name], s)
				}
				if i > 5 && i%23 != 0 {
					continue
				}
				got := m.Report()
				requireScores(t, want(task, list[max(0, len(list)-40):], 1), got.Window)
				requireScores(t, want(task, list, cfg.Fading), got.Fading)
				require.EqualValues(t, len(list), got.Total)
				require.Len(t, got.Segments, len(parts))
				for k, sr := range got.Segments {
					if k > 0 {
						require.Less(t, got.Segments[k-1].Segment, sr.Segment)
					}
					part := parts[sr.Segment]
					require.EqualValues(t, len(part), sr.Total)
					requireScores(t, want(task, part[max(0, len(part)-40):], 1), sr.Window)
				}
			}
		})
	}
}

func TestRestoredMeterReportsTheSameBitsEverAfter(t *testing.T) {
	for _, task := range tasks() {
		t.Run(string(task), func(t *testing.T) {
			for seed := range uint64(20) {
				cfg := prequential.Config{Task: task, Window: 30, MaxSegments: 2}
				r := rng.New(seed, "samples", 0)
				original := newMeter(t, cfg)
				for range r.IntN(120) {
					add(original, random(task, r))
				}
				data, err := original.Snapshot()
				require.NoError(t, err)
				restored := newMeter(t, cfg)
				add(restored, random(task, rng.New(9, "stray", 0)))
				require.NoError(t, restored.Restore(data))
				for range 60 {
					require.Equal(t, original.Report(), restored.Report())
					s := random(task, r)
					add(original, s)
					add(restored, s)
				}
				a, err := original.Snapshot()
				require.NoError(t, err)
				b, err := restored.Snapshot()
				require.NoError(t, err)
				require.Equal(t, a, b)
			}
		})
	}
}

func TestAWindowDoesNotDrift(t *testing.T) {
	// Huge errors pass through the window; afterwards it must be as if they had not.
	cfg := prequential.Config{Task: models.Regression, Window: 50}
	m, fresh := newMeter(t, cfg), newMeter(t, cfg)
	r := rng.New(1, "samples", 0)
	for range 10_000 {
		m.Add("a", []float32{float32(r.NormFloat64() * 1e12)}, 0, 1)
	}
	for range 50 {
		p := []float32{float32(r.NormFloat64() * 1e-6)}
		m.Add("a", p, 0, 1)
		fresh.Add("a", p, 0, 1)
	}
	require.Equal(t, fresh.Report().Window, m.Report().Window)
	require.Equal(t, fresh.Report().Segments[0].Window, m.Report().Segments[0].Window)
}

func TestKnownScores(t *testing.T) {
	m := newMeter(t, prequential.Config{Task: models.Binary, Window: 10})
	for _, s := range []struct{ pred, target float32 }{{0.1, 0}, {0.4, 0}, {0.35, 1}, {0.8, 1}} {
		m.Add("", []float32{s.pred}, s.target, 1)
	}
	w := m.Report().Window
	require.Equal(t, 0.75, *w.AUC) // 3 of 4 pairs in order
	require.Equal(t, 0.75, *w.Accuracy)
	require.InDelta(t, (0.1+0.4+0.65+0.2)/4, *w.ECE, 1e-6) // bins 1, 6, 5 and 12
	require.InDelta(t, -(math.Log(0.9)+math.Log(0.6)+math.Log(0.35)+math.Log(0.8))/4, *w.Loss, 1e-6)
}

func TestWhatCannotBeScoredIsSkipped(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tc := range []struct {
		name           string
		task           models.Task
		pred           []float32
		target, weight float32
	}{
		{"no output", models.Binary, nil, 1, 1},
		{"two outputs of a binary model", models.Binary, []float32{0.5, 0.5}, 1, 1},
		{"output not a number", models.Binary, []float32{nan}, 1, 1},
		{"output no probability", models.Binary, []float32{1.1}, 1, 1},
		{"target no probability", models.Binary, []float32{0.5}, 2, 1},
		{"target not a number", models.Binary, []float32{0.5}, nan, 1},
		{"weight zero", models.Binary, []float32{0.5}, 1, 0},
		{"weight negative", models.Binary, []float32{0.5}, 1, -1},
		{"weight infinite", models.Binary, []float32{0.5}, 1, inf},
		{"class beyond the outputs", models.Multiclass, []float32{0.5, 0.5}, 2, 1},
		{"class negative", models.Multiclass, []float32{0.5, 0.5}, -1, 1},
		{"one output not finite", models.Multiclass, []float32{0.5, inf}, 0, 1},
		{"negative probability", models.Multiclass, []float32{1.5, -0.5}, 0, 1},
		{"value infinite", models.Regression, []float32{inf}, 0, 1},
		{"two values", models.Regression, []float32{1, 2}, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeter(t, prequential.Config{Task: tc.task})
			m.Add("a", tc.pred, tc.target, tc.weight)
			r := m.Report()
			require.EqualValues(t, 1, r.Skipped)
			require.Zero(t, r.Total)
			require.Empty(t, r.Segments)
		})
	}
}

func TestReportIsJSONWithoutNaN(t *testing.T) {
	for _, task := range tasks() {
		m := newMeter(t, prequential.Config{Task: task})
		data, err := json.Marshal(m.Report())
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"task":%q,"total":0,"skipped":0,"window":{"n":0,"weight":0},"fading":{"n":0,"weight":0},"segments":[]}`, task), string(data))
	}
	m := newMeter(t, prequential.Config{Task: models.Binary})
	m.Add("", []float32{1}, 0, 1) // as wrong as can be
	s := m.Report().Window
	require.Nil(t, s.AUC, "one class alone has no curve")
	require.Nil(t, s.LossSD)
	require.InDelta(t, -math.Log(models.MinProbability), *s.Loss, 1e-6)
	m = newMeter(t, prequential.Config{Task: models.Regression})
	for range 3 {
		m.Add("", []float32{math.MaxFloat32}, -math.MaxFloat32, math.MaxFloat32)
	}
	_, err := json.Marshal(m.Report())
	require.NoError(t, err)
	require.NotNil(t, m.Report().Fading.Loss)
}

func TestRestoreRefusesWhatDoesNotFitAndChangesNothing(t *testing.T) {
	cfg := prequential.Config{Task: models.Binary, Window: 20, MaxSegments: 3}
	fill := func(c prequential.Config) []byte {
		m := newMeter(t, c)
		r := rng.New(1, "samples", 0)
		for range 100 {
			add(m, random(c.Task, r))
		}
		data, err := m.Snapshot()
		require.NoError(t, err)
		return data
	}
	with := func(change func(*prequential.Config)) prequential.Config {
		c := cfg
		change(&c)
		return c
	}
	good := fill(cfg)
	for name, data := range map[string][]byte{
		"nothing":       nil,
		"torn":          good[:len(good)-1],
		"trailing":      append(append([]byte{}, good...), 0),
		"other task":    fill(with(func(c *prequential.Config) { c.Task = models.Multiclass })),
		"larger window": fill(with(func(c *prequential.Config) { c.Window = 21 })),
		"more segments": fill(with(func(c *prequential.Config) { c.MaxSegments = 4 })),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMeter(t, cfg)
			add(m, random(cfg.Task, rng.New(2, "samples", 0)))
			before := m.Report()
			require.ErrorIs(t, m.Restore(data), prequential.ErrState)
			require.Equal(t, before, m.Report())
		})
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	for _, task := range tasks() {
		t.Run(string(task), func(t *testing.T) {
			m := newMeter(t, prequential.Config{Task: task, Window: 10, MaxSegments: 2})
			r := rng.New(1, "samples", 0)
			list := make([]sample, 200)
			for i := range list {
				list[i] = random(task, r)
				add(m, list[i])
			}
			i := 0
			require.Zero(t, testing.AllocsPerRun(500, func() { add(m, list[i%len(list)]); i++ }))
		})
	}
}

func TestValidateNamesFieldAndRule(t *testing.T) {
	for _, tc := range []struct {
		cfg  prequential.Config
		want string
	}{
		{prequential.Config{}, `task: must be one of binary, multiclass, regression, got ""`},
		{prequential.Config{Task: models.Binary, Window: -1}, "window: must be in [1, 16777216], got -1"},
		{prequential.Config{Task: models.Binary, Fading: 1.5}, "fading: must be in (0, 1], got 1.5"},
		{prequential.Config{Task: models.Binary, Fading: math.NaN()}, "fading: must be in (0, 1], got NaN"},
		{prequential.Config{Task: models.Binary, MaxSegments: -1}, "max_segments: must be in [1, 65536], got -1"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			_, err := prequential.New(tc.cfg)
			require.EqualError(t, err, tc.want)
		})
	}
}

func FuzzRestore(f *testing.F) {
	for _, task := range tasks() {
		m := newMeter(f, prequential.Config{Task: task, Window: 4, MaxSegments: 2})
		r := rng.New(1, "samples", 0)
		for range 12 {
			add(m, random(task, r))
		}
		data, err := m.Snapshot()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, task := range tasks() {
			m := newMeter(t, prequential.Config{Task: task, Window: 4, MaxSegments: 2})
			if m.Restore(data) != nil {
				continue
			}
			add(m, random(task, rng.New(1, "samples", 0)))
			_, err := json.Marshal(m.Report())
			require.NoError(t, err)
			again, err := m.Snapshot()
			require.NoError(t, err)
			require.NoError(t, m.Restore(again))
		}
	})
}

// The score is that of the prediction that was made before the outcome was learned.
func ExampleMeter() {
	m, err := prequential.New(prequential.Config{Task: models.Binary, Window: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Add("shop=north", []float32{0.9}, 1, 1)
	m.Add("shop=south", []float32{0.7}, 0, 1)
	m.Add("shop=north", []float32{0.2}, 0, 1)
	for _, s := range m.Report().Segments {
		fmt.Printf("%s: accuracy %.1f of %d\n", s.Segment, *s.Window.Accuracy, s.Window.N)
	}
	// Output:
	// shop=north: accuracy 1.0 of 2
	// shop=south: accuracy 0.0 of 1
}

func BenchmarkAdd(b *testing.B) {
	for _, task := range tasks() {
		b.Run(string(task), func(b *testing.B) {
			m := newMeter(b, prequential.Config{Task: task})
			r := rng.New(1, "samples", 0)
			list := make([]sample, 4096)
			for i := range list {
				list[i] = random(task, r)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				add(m, list[i%len(list)])
			}
		})
	}
}

func BenchmarkReport(b *testing.B) {
	m := newMeter(b, prequential.Config{Task: models.Binary})
	r := rng.New(1, "samples", 0)
	for range 10_000 {
		add(m, random(models.Binary, r))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Report()
	}
}
