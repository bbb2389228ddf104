package prequential

import "math"

// binCount is the number of bins of the calibration error; Naeini, Cooper and
// Hauskrecht (AAAI 2015) leave it open, and 15 is what most who report it use.
const binCount = 15

// bins gather predictions of about the same probability.
type bins [binCount]bin

type bin struct {
	weight float64 // sum of the weights w
	gap    float64 // sum of w * (probability - hit)
}

// place returns the bin of a probability: [i/15, (i+1)/15), the last one with its end.
func place(p float32) int { return min(int(float64(p)*binCount), binCount-1) }

func (b *bins) add(o *outcome) {
	hit := 0.0
	if o.flags&positive != 0 {
		hit = 1
	}
	w := float64(o.weight)
	c := &b[place(o.score)]
	c.weight += w
	c.gap += float64(w * (float64(o.score) - hit))
}

func (b *bins) fade(factor float64) {
	for i := range b {
		b[i].weight *= factor
		b[i].gap *= factor
	}
}

// error returns the expected calibration error: the mean, by weight, of the bins' gaps
// between mean probability and share of hits.
func (b *bins) error(weight float64) float64 {
	sum := 0.0
	for i := range b {
		sum += math.Abs(b[i].gap)
	}
	return sum / weight
}
