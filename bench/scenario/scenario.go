package scenario

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/internal/rng"
)

// A Task is what is learned at a time, and what shows whether it was.
type Task struct {
	Name        string
	Train, Test *Examples
	// Classes are those that a prediction for the task is chosen from; nil for all.
	Classes []int
}

// A Scenario is a sequence of tasks.
type Scenario struct {
	Tasks   []Task
	Inputs  int   // dense inputs
	Buckets []int // categories
	Classes int   // outputs; 0 if targets are values
	Config  Config
}

// New makes the scenario of a configuration, which is completed by its defaults.
func New(cfg Config, split data.Split, seed uint64) (*Scenario, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := builder{cfg: cfg, seed: seed, scenario: &Scenario{
		Inputs: split.Train.Numbers(), Buckets: split.Train.Buckets, Classes: split.Train.Classes, Config: cfg,
	}}
	if err := b.fits(split); err != nil {
		return nil, err
	}
	train, test := b.examples(split.Train), b.examples(split.Test)
	if cfg.Validation > 0 {
		train, test = b.hold(train)
	}
	b.scenario.Inputs = train.Inputs()
	switch cfg.Kind {
	case Stream:
		b.scenario.Tasks = []Task{{Name: "stream", Train: b.bound(train, "stream"), Test: test}}
	case Permuted, Rotated:
		b.guises(train, test)
	default:
		b.split(train, test)
		if cfg.Kind == Blurry {
			b.blur()
		}
	}
	return b.scenario, nil
}

type builder struct {
	cfg      Config
	seed     uint64
	scenario *Scenario
}

func (b *builder) random(name string, n int) *rand.Rand {
	return rng.New(b.seed, "bench/"+name, uint64(n))
}

// fits holds the kind against the data.
func (b *builder) fits(split data.Split) error {
	s := split.Train
	switch {
	case b.cfg.Kind != Stream && s.Classes == 0:
		return fmt.Errorf("scenario.kind: %s needs classes, and %s has values", b.cfg.Kind, s.Name)
	case b.cfg.Kind != Stream && split.Test == nil && b.cfg.Validation == 0:
		return fmt.Errorf("scenario.validation: must be above 0: %s has no test rows of its own", s.Name)
	case (b.cfg.Kind == Permuted || b.cfg.Kind == Rotated) && !s.Image():
		return fmt.Errorf("scenario.kind: %s needs images, and %s is a table", b.cfg.Kind, s.Name)
	case (b.cfg.Kind == Split || b.cfg.Kind == Blurry) && s.Classes%b.cfg.Tasks != 0:
		return fmt.Errorf("scenario.tasks: must divide the %d classes of %s, got %d", s.Classes, s.Name, b.cfg.Tasks)
	case len(b.cfg.Order) > 0 && !permutes(b.cfg.Order, s.Classes):
		return fmt.Errorf("scenario.order: must list each of the %d classes of %s once", s.Classes, s.Name)
	case (b.cfg.Standardise > 0 || b.cfg.Running) && s.Image():
		return fmt.Errorf("scenario.standardise, running: must be absent for images, which have mean and scale")
	}
	return nil
}

// examples shows all rows of a set as they are; nil for none.
func (b *builder) examples(set *data.Set) *Examples {
	if set == nil {
		return nil
	}
	e := &Examples{set: set, rows: make([]int32, set.Len())}
	for i := range e.rows {
		e.rows[i] = int32(i)
	}
	if set.Image() {
		e.gather, e.levels = plain(set.Height, set.Width, b.cfg.Pad), levels(b.cfg.Mean, b.cfg.Scale)
		e.spread, e.blank = inverse(e.gather, set.Numbers()), blank(len(e.gather), e.levels)
		return e
	}
	if b.cfg.Running {
		set = running(set)
		e.set = set
	}
	e.mean, e.scale = standard(set, b.cfg.Standardise)
	return e
}

// running returns the set with each row standardised by those up to it (Welford, "Note on a
// method for calculating corrected sums of squares and products", 1962).
func running(set *data.Set) *data.Set {
	out := *set
	k := len(set.Columns)
	out.Dense = make([]float32, len(set.Dense))
	mean, squares := make([]float64, k), make([]float64, k)
	for i := range set.Len() {
		for j := range k {
			x := float64(set.Dense[i*k+j])
			d := x - mean[j]
			mean[j] += d / float64(i+1)
			squares[j] += d * (x - mean[j])
			if s := math.Sqrt(squares[j] / float64(i+1)); s > 0 {
				out.Dense[i*k+j] = float32((x - mean[j]) / s)
			}
		}
	}
	return &out
}

// standard returns means and deviations of the first rows; 0 and 1 where there is nothing
// to go by.
func standard(set *data.Set, rows int) (mean, scale []float32) {
	k := len(set.Columns)
	mean, scale = make([]float32, k), make([]float32, k)
	rows = min(rows, set.Len())
	for j := range k {
		sum, squares := 0.0, 0.0
		for i := range rows {
			sum += float64(set.Dense[i*k+j])
		}
		m := sum / math.Max(1, float64(rows))
		for i := range rows {
			d := float64(set.Dense[i*k+j]) - m
			squares += d * d
		}
		mean[j], scale[j] = float32(m), float32(math.Sqrt(squares/math.Max(1, float64(rows))))
		if !(scale[j] > 1e-6) {
			scale[j] = 1
		}
	}
	return mean, scale
}

// hold takes a share of the rows, at random, out of what is learned: it is what is scored.
func (b *builder) hold(all *Examples) (train, held *Examples) {
	r := b.random("validation", 0)
	var in, out []int32
	for i := range all.rows {
		if r.Float64() < b.cfg.Validation {
			out = append(out, int32(i))
		} else {
			in = append(in, int32(i))
		}
	}
	return all.pick(in), all.pick(out)
}

// bound keeps cfg.Rows of the examples: of a stream the first, else any.
func (b *builder) bound(e *Examples, name string) *Examples {
	n := b.cfg.Rows
	if n == 0 || n >= e.Len() {
		return e
	}
	if b.cfg.Kind == Stream {
		return e.Head(n)
	}
	places := make([]int32, n)
	for i, p := range b.random("rows/"+name, 0).Perm(e.Len())[:n] {
		places[i] = int32(p)
	}
	return e.pick(places)
}

// guises makes every task of all rows, permuted or rotated.
func (b *builder) guises(train, test *Examples) {
	width := train.set.Width + 2*b.cfg.Pad
	for t := range b.cfg.Tasks {
		r := b.random(string(b.cfg.Kind), t)
		name := fmt.Sprintf("%s %d", b.cfg.Kind, t+1)
		var gather []int32
		if b.cfg.Kind == Permuted {
			gather = permuted(train.gather, r)
		} else {
			degrees := b.cfg.Angle * r.Float64()
			gather = rotated(train.gather, width, degrees)
		}
		in, out := *train, *test
		in.gather, out.gather = gather, gather
		in.spread = inverse(gather, train.set.Numbers())
		in.blank = blank(len(gather), in.levels)
		out.spread, out.blank = in.spread, in.blank
		b.scenario.Tasks = append(b.scenario.Tasks, Task{Name: name, Train: b.bound(&in, name), Test: &out})
	}
}

// split gives each task its classes.
func (b *builder) split(train, test *Examples) {
	all := b.scenario.Classes
	per := all / b.cfg.Tasks
	order := b.cfg.Order
	if len(order) == 0 {
		order = make([]int, all)
		for c := range order {
			order[c] = c
		}
	}
	names := make([]int32, all) // what a class is called
	for place, c := range order {
		names[c] = int32(c)
		if b.cfg.Incremental == DomainIncremental {
			names[c] = int32(place % per)
		}
	}
	if b.cfg.Incremental == DomainIncremental {
		b.scenario.Classes = per
	}
	for t := range b.cfg.Tasks {
		own := order[t*per : (t+1)*per]
		task := Task{Name: fmt.Sprintf("%d-%d", own[0], own[per-1])}
		if b.cfg.Incremental == TaskIncremental {
			task.Classes = own
		}
		task.Train = b.bound(ofClasses(train, own), task.Name)
		task.Test = ofClasses(test, own)
		task.Train.classes, task.Test.classes = names, names
		b.scenario.Tasks = append(b.scenario.Tasks, task)
	}
}

// permutes reports whether order lists each of n classes once.
func permutes(order []int, n int) bool {
	sorted := slices.Sorted(slices.Values(order))
	for i, c := range sorted {
		if c != i {
			return false
		}
	}
	return len(sorted) == n
}

// ofClasses returns the examples of those classes of the set.
func ofClasses(e *Examples, classes []int) *Examples {
	var places []int32
	for i, row := range e.rows {
		if slices.Contains(classes, e.set.Class(int(row))) {
			places = append(places, int32(i))
		}
	}
	return e.pick(places)
}

// blur deals a share of each task's rows out among all tasks.
func (b *builder) blur() {
	tasks := b.scenario.Tasks
	dealt := make([][]int32, len(tasks))
	for t := range tasks {
		r := b.random("blur", t)
		for _, row := range tasks[t].Train.rows {
			to := t
			if r.Float64() < b.cfg.Blur {
				to = r.IntN(len(tasks))
			}
			dealt[to] = append(dealt[to], row)
		}
	}
	for t := range tasks {
		tasks[t].Train.rows = dealt[t]
	}
}

// Joint returns one task of everything that the tasks learn from, for the bound that
// learning all at once sets.
func (s *Scenario) Joint() []*Examples {
	out := make([]*Examples, len(s.Tasks))
	for i, t := range s.Tasks {
		out[i] = t.Train
	}
	return out
}
