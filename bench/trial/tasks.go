package trial

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/internal/rng"
)

// A place is one example of one task.
type place struct {
	task int32
	row  int32
}

// tasks learns one task after the other, and measures the matrix and the curve.
func (r *run) tasks(ctx context.Context) error {
	n := len(r.scenario.Tasks)
	r.outcome.Matrix = measure.NewMatrix(n)
	for _, t := range r.scenario.Tasks {
		r.outcome.Tasks = append(r.outcome.Tasks, t.Name)
	}
	phases := r.phases()
	for _, p := range phases {
		r.total += r.length(p)
	}
	begun := r.Clock()
	if err := r.looking(r.lookFirst); err != nil {
		return err
	}
	for i, places := range phases {
		task := i
		if r.Method.Joint {
			task = n - 1
		}
		if err := r.phase(ctx, task, places); err != nil {
			return fmt.Errorf("task %d: %w", i+1, err)
		}
		if r.Suite.Announce && r.learner != nil && !r.Method.Joint {
			if err := r.learner.leave(r.scenario.Tasks[i].Name); err != nil {
				return fmt.Errorf("task %d: %w", i+1, err)
			}
		}
		if err := r.looking(func() error { return r.lookAfter(task) }); err != nil {
			return err
		}
	}
	r.outcome.Train += r.Clock().Sub(begun).Seconds()
	return nil
}

// phases lists what is learned before each row of the matrix: a task, or all at once.
func (r *run) phases() [][]place {
	var out [][]place
	for t, task := range r.scenario.Tasks {
		if t == 0 || !r.Method.Joint {
			out = append(out, nil)
		}
		last := len(out) - 1
		for row := range task.Train.Len() {
			out[last] = append(out[last], place{int32(t), int32(row)})
		}
	}
	return out
}

// epochs is how often a phase's rows come, by the method or the suite.
func (r *run) epochs() int {
	if r.Method.Epochs > 0 {
		return r.Method.Epochs
	}
	return r.Suite.Epochs
}

// length is the number of examples that a phase tells.
func (r *run) length(places []place) int64 {
	if r.Suite.Iterations > 0 {
		rounds := 1
		if r.Method.Joint {
			rounds = len(r.scenario.Tasks)
		}
		return int64(r.Suite.Iterations) * int64(r.batch) * int64(rounds)
	}
	return int64(r.epochs()) * int64(len(places))
}

// phase tells the rows in an order that is drawn anew for each round.
func (r *run) phase(ctx context.Context, task int, places []place) error {
	left := r.length(places)
	if len(places) == 0 && left > 0 {
		return fmt.Errorf("it has no rows to learn from")
	}
	inEpoch, inBatch, batches := 0, 0, 0
	entered := int32(-1)
	for round := 0; left > 0; left-- {
		if inEpoch == 0 {
			shuffle(places, rng.New(r.Seed, fmt.Sprintf("bench/order/%d", task), uint64(round)))
			round++
		}
		p := places[inEpoch]
		inEpoch = (inEpoch + 1) % len(places)
		if p.task != entered {
			entered = p.task
			r.subject.enter(r.scenario.Tasks[p.task].Name)
		}
		next := places[inEpoch]
		r.scenario.Tasks[next.task].Train.Prefetch(int(next.row))
		examples := r.scenario.Tasks[p.task].Train
		if err := r.subject.learn(examples.Row(int(p.row)), examples.Target(int(p.row))); err != nil {
			return err
		}
		r.outcome.Examples++
		if inBatch++; inBatch == r.batch {
			inBatch = 0
			if err := r.between(ctx, task, &batches); err != nil {
				return err
			}
		}
		// The last batch of an epoch may be short.
		if inEpoch == 0 && r.Suite.Iterations == 0 {
			inBatch = 0
			if err := r.subject.flush(); err != nil {
				return err
			}
		}
	}
	return r.subject.flush()
}

// between is what happens between two batches.
func (r *run) between(ctx context.Context, task int, batches *int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.Progress(r.outcome.Examples, r.total)
	*batches++
	if every := r.Suite.Look.Every; every == 0 || *batches%every != 0 || r.Method.Joint {
		return nil
	}
	return r.looking(func() error {
		if err := r.subject.flush(); err != nil {
			return err
		}
		return r.look(task)
	})
}

func shuffle(places []place, random *rand.Rand) {
	random.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
}

// look adds a point to the curve.
func (r *run) look(task int) error {
	p := measure.Point{Examples: r.outcome.Examples, Task: task}
	for _, t := range r.scenario.Tasks[:task+1] {
		a, err := accuracy(r.subject, t.Test.Head(r.Suite.Look.Rows), t.Classes)
		if err != nil {
			return err
		}
		p.Accuracy = append(p.Accuracy, a)
	}
	r.outcome.Curve = append(r.outcome.Curve, p)
	return nil
}

// lookFirst scores the weights that nothing was learned into.
func (r *run) lookFirst() error {
	for _, t := range r.scenario.Tasks {
		a, err := accuracy(r.subject, r.sampled(t), t.Classes)
		if err != nil {
			return err
		}
		r.outcome.First = append(r.outcome.First, a)
	}
	return nil
}

// sampled is what is scored of a task's test rows before the last task was learned.
func (r *run) sampled(t scenario.Task) *scenario.Examples {
	if r.Suite.Look.Between == 0 {
		return t.Test
	}
	return t.Test.Head(r.Suite.Look.Between)
}

// lookAfter fills a row of the matrix: the tasks so far and the next one, or all of them
// after the last.
func (r *run) lookAfter(task int) error {
	last := len(r.scenario.Tasks) - 1
	for j := range min(task+1, last) + 1 {
		t := r.scenario.Tasks[j]
		test := t.Test
		if task < last {
			test = r.sampled(t)
		}
		a, err := accuracy(r.subject, test, t.Classes)
		if err != nil {
			return err
		}
		r.outcome.Matrix[task][j] = a
	}
	if r.Suite.Look.Every > 0 && !r.Method.Joint {
		return r.look(task)
	}
	return nil
}
