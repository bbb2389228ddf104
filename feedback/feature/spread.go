package feature

import "math"

// A standardised number should lie around 0 with a deviation of about 1. These bounds are
// wide: what is beyond them learns badly, whatever the rate and the model.
const (
	maxMean      = 5
	minDeviation = 0.1
	maxDeviation = 10
)

// A Spread is how the numeric features of a stream lie: what there is to choose Mean and
// Scale by. Elements of vectors are not looked at. It is for one goroutine.
type Spread struct {
	of   []tally
	rows int
}

// tally is the running mean and sum of squared deviations of one standardised number
// (Welford 1962).
type tally struct {
	Feature
	column  int
	mean, m float64
}

// A Misfit is a numeric feature whose Mean and Scale do not suit its values, which have
// this mean and standard deviation, in the unit of the events.
type Misfit struct {
	Name            string
	Mean, Deviation float64
}

// NewSpread returns the Spread of no rows.
func (d *Dictionary) NewSpread() *Spread {
	s := &Spread{}
	for i, f := range d.features {
		if f.Kind == Numeric {
			s.of = append(s.of, tally{Feature: f, column: d.slots[i].at})
		}
	}
	return s
}

// Add counts a row of the dictionary.
func (s *Spread) Add(r Row) {
	s.rows++
	for i := range s.of {
		t := &s.of[i]
		x := float64(r.Dense[t.column])
		off := x - t.mean
		t.mean += off / float64(s.rows)
		t.m += off * (x - t.mean)
	}
}

// Rows returns the number of rows added.
func (s *Spread) Rows() int { return s.rows }

// Misfits returns the features whose standardised values have a mean beyond 5 or a
// standard deviation outside [0.1, 10], in the dictionary's order. Of a value that never
// changes the mean alone counts.
func (s *Spread) Misfits() []Misfit {
	var out []Misfit
	for _, t := range s.of {
		deviation := math.Sqrt(t.m / float64(max(s.rows, 1)))
		if math.Abs(t.mean) <= maxMean && deviation <= maxDeviation && (deviation == 0 || deviation >= minDeviation) {
			continue
		}
		out = append(out, Misfit{Name: t.Name, Mean: t.Mean + t.mean*t.Scale, Deviation: deviation * t.Scale})
	}
	return out
}
