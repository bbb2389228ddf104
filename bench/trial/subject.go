package trial

import (
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/scenario"
	"github.com/perennial-ml/perennial/feedback/feature"
)

// A subject is what a trial is about: a learner, or a baseline that knows only labels.
type subject interface {
	// enter says which task the following examples belong to.
	enter(task string)
	// learn takes one example of the stream.
	learn(row feature.Row, target float32) error
	// flush ends what may wait for more examples.
	flush() error
	// predict calls told with the answer to each example: p(1), the probabilities of
	// the classes, or a value; nil if there is none.
	predict(examples *scenario.Examples, told func(i int, answer []float32)) error
}

// baseline answers by the labels that came so far.
type baseline struct {
	latest bool // the last one, not the most frequent
	binary bool
	counts []float32
}

func newBaseline(kind string, classes int, binary bool) *baseline {
	return &baseline{latest: kind == protocol.LastClass, binary: binary, counts: make([]float32, classes)}
}

func (b *baseline) enter(string) {}

func (b *baseline) learn(_ feature.Row, target float32) error {
	if b.latest {
		clear(b.counts)
	}
	b.counts[int(target)]++
	return nil
}

func (b *baseline) flush() error { return nil }

func (b *baseline) predict(examples *scenario.Examples, told func(i int, answer []float32)) error {
	answer := b.counts
	if b.binary {
		answer = []float32{0}
		if b.counts[1] > b.counts[0] {
			answer[0] = 1
		}
	}
	for i := range examples.Len() {
		told(i, answer)
	}
	return nil
}

// chosen returns the class that an answer stands for, among those that a task has, or
// among all; -1 without an answer.
func chosen(answer []float32, among []int) int {
	if answer == nil {
		return -1
	}
	if len(answer) == 1 {
		if answer[0] >= 0.5 {
			return 1
		}
		return 0
	}
	best := 0
	if among != nil {
		best = among[0]
		for _, c := range among[1:] {
			if answer[c] > answer[best] {
				best = c
			}
		}
		return best
	}
	for c := range answer {
		if answer[c] > answer[best] {
			best = c
		}
	}
	return best
}

// accuracy is the share of examples whose class is the chosen one.
func accuracy(s subject, examples *scenario.Examples, among []int) (float64, error) {
	right := 0
	err := s.predict(examples, func(i int, answer []float32) {
		if chosen(answer, among) == int(examples.Target(i)) {
			right++
		}
	})
	return float64(right) / float64(examples.Len()), err
}
