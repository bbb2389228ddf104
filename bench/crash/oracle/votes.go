package oracle

import "math"

// A vote is what one signal says about one prediction.
type vote struct {
	events []string
	learn  bool
	mute   bool // says nothing for this task
	class  float64
	not    bool // the class is known not to be class
	weight float32
	other  bool
}

// A claim is a signal on its way to its prediction. other marks the prediction that
// was not preferred.
type claim struct {
	events []string
	learn  bool
	signal signalData
	other  bool
}

// A verdict is what the votes on a prediction come to.
type verdict struct {
	class  float64
	not    bool
	weight float32
	learn  bool
}

// same reports whether two verdicts differ in weight at most.
func (v verdict) same(w verdict) bool {
	return v.class == w.class && v.not == w.not && v.learn == w.learn
}

// read follows the table of docs/signals.md.
func (o *Oracle) read(c claim, outputs []float64) vote {
	s := c.signal
	weight := o.cfg.Reliability[s.Kind]
	if s.Confidence != nil {
		weight *= *s.Confidence
	}
	v := vote{events: c.events, other: c.other, learn: c.learn, weight: float32(weight)}
	switch s.Kind {
	case "label", "correction":
		v.class = *s.Value
	case "correctness":
		o.judge(&v, *s.Correct, outputs)
	case "preference":
		o.judge(&v, !c.other, outputs)
	case "rating":
		share := (*s.Value - o.cfg.RatingMin) / (o.cfg.RatingMax - o.cfg.RatingMin)
		if o.cfg.Classes == 0 {
			v.class = float64(float32(share))
			break
		}
		v.weight *= float32(math.Abs(2*share - 1))
		o.judge(&v, share > 0.5, outputs)
	case "click", "conversion":
		o.react(&v, true, outputs)
	case "skip":
		o.react(&v, false, outputs)
	case "task_completion":
		o.react(&v, *s.Correct, outputs)
	case "dwell":
		o.react(&v, *s.Value >= o.cfg.Dwell, outputs)
	default:
		v.mute = true
	}
	return v
}

// react: in a binary task the thing itself, otherwise assent to what was served.
func (o *Oracle) react(v *vote, positive bool, outputs []float64) {
	switch {
	case o.cfg.Classes > 0:
		o.judge(v, positive, outputs)
	case positive:
		v.class = 1
	}
}

// judge: what was served was right, or wrong.
func (o *Oracle) judge(v *vote, right bool, outputs []float64) {
	switch {
	case len(outputs) == 0:
		v.mute = true
	case o.cfg.Classes > 0:
		best := 0
		for i, y := range outputs {
			if float32(y) > float32(outputs[best]) {
				best = i
			}
		}
		v.class, v.not = float64(best), !right
	case right == (float32(outputs[0]) >= 0.5):
		v.class = 1
	}
}

// decide lets the heaviest vote win, the latest among equals; those that contradict it
// lower its weight by their share. Votes that may be learned decide alone if there are
// any.
func (o *Oracle) decide(votes []vote, mayLearn bool) (verdict, bool) {
	if mayLearn {
		if v, ok := o.weigh(votes, func(v vote) bool { return v.learn }); ok {
			v.learn = true
			return v, true
		}
	}
	return o.weigh(votes, func(vote) bool { return true })
}

func (o *Oracle) weigh(votes []vote, may func(vote) bool) (verdict, bool) {
	var counted []vote
	for _, v := range votes {
		if !v.mute && v.weight > 0 && may(v) {
			counted = append(counted, v)
		}
	}
	if len(counted) == 0 {
		return verdict{}, false
	}
	best := counted[0]
	for _, v := range counted[1:] {
		if v.weight >= best.weight {
			best = v
		}
	}
	var against, total float64
	for _, v := range counted {
		total += float64(v.weight)
		against += float64(v.weight) * o.contradiction(v, best)
	}
	w := float32(float64(best.weight) * (1 - against/total))
	return verdict{class: best.class, not: best.not, weight: w}, w > 0
}

// contradiction is how far two votes exclude each other, from 0 to 1.
func (o *Oracle) contradiction(a, b vote) float64 {
	switch {
	case o.cfg.Classes == 0:
		return math.Abs(a.class - b.class)
	case a.not && b.not:
		return 0
	case a.not != b.not && a.class == b.class, !a.not && !b.not && a.class != b.class:
		return 1
	}
	return 0
}
