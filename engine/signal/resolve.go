package signal

import (
	"math"

	"github.com/perennial-ml/perennial/models"
)

// verdict is what the votes on one prediction come to.
type verdict struct {
	Target   float32 `cbor:"1,keyasint"`
	Negative bool    `cbor:"2,keyasint"`
	Weight   float32 `cbor:"3,keyasint"`
	// Learn says that everyone whose vote counts agreed to learning.
	Learn bool `cbor:"4,keyasint"`
}

// resolve weighs the votes. The heaviest vote gives the target t*, the latest one
// among equals; its weight w* falls by the share of contradiction:
//
//	w = w* (1 - sum_i w_i d(t_i, t*) / sum_i w_i),  d in [0, 1]
//
// Votes that may be learned decide alone if there are any; otherwise the votes that
// may only be measured give a verdict that is scored and not learned. It returns
// false if no vote carries a target, or none is left with any weight.
func (r reader) resolve(votes []vote, learn bool) (verdict, bool) {
	if learn {
		if v, ok := r.weigh(votes, true); ok {
			v.Learn = true
			return v, true
		}
	}
	return r.weigh(votes, false)
}

func (r reader) weigh(votes []vote, learnOnly bool) (verdict, bool) {
	best := -1
	for i, v := range votes {
		if v.None || v.Weight <= 0 || (learnOnly && !v.Learn) {
			continue
		}
		if best < 0 || v.Weight >= votes[best].Weight {
			best = i
		}
	}
	if best < 0 {
		return verdict{}, false
	}
	chosen := votes[best]
	var against, total float64
	for _, v := range votes {
		if v.None || v.Weight <= 0 || (learnOnly && !v.Learn) {
			continue
		}
		total += float64(v.Weight)
		against += float64(v.Weight) * r.distance(v, chosen)
	}
	w := float32(float64(chosen.Weight) * (1 - against/total))
	if !(w > 0) {
		return verdict{}, false
	}
	return verdict{Target: chosen.Target, Negative: chosen.Negative, Weight: w}, true
}

// distance is how far two votes contradict each other, in [0, 1].
func (r reader) distance(a, b vote) float64 {
	switch r.task {
	case models.Binary:
		return math.Abs(float64(a.Target) - float64(b.Target))
	case models.Multiclass:
		same := a.Target == b.Target
		switch {
		case a.Negative && b.Negative: // not this, not that: both may hold
			return 0
		case a.Negative != b.Negative: // this, and not that
			if same {
				return 1
			}
			return 0
		case same:
			return 0
		}
		return 1
	default:
		return math.Min(1, math.Abs(float64(a.Target)-float64(b.Target))/r.spread)
	}
}
