package guard

import (
	"fmt"
	"math"
)

// DriftConfig configures a Drift.
type DriftConfig struct {
	// FalseAlarms is the number of alarms per million values that a stable stream may
	// raise, in (0, 1000]. Default 0: no detection.
	FalseAlarms float64 `yaml:"false_alarms" json:"false_alarms,omitempty"`
	// Baseline is the number of values that a mean is learned from. Default 500.
	Baseline int `yaml:"baseline" json:"baseline,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c DriftConfig) WithDefaults() DriftConfig {
	if c.FalseAlarms != 0 && c.Baseline == 0 {
		c.Baseline = 500
	}
	return c
}

// Validate reports the first field that breaks a rule.
func (c DriftConfig) Validate() error {
	c = c.WithDefaults()
	switch {
	case c.FalseAlarms == 0 && c.Baseline != 0:
		return fmt.Errorf("drift.baseline: must be absent without drift.false_alarms, got %d", c.Baseline)
	case c.FalseAlarms == 0:
		return nil
	case !(c.FalseAlarms > 0 && c.FalseAlarms <= 1000):
		return fmt.Errorf("drift.false_alarms: must be above 0 and at most 1000 per million, got %v", c.FalseAlarms)
	case c.Baseline < 50 || c.Baseline > 1<<20:
		return fmt.Errorf("drift.baseline: must be in [50, %d], got %d", 1<<20, c.Baseline)
	}
	return nil
}

// bets is the number of hypotheses about how far a mean rises.
const bets = 7

// A Drift says when the mean of a stream of values in [0, 1] has risen: a sequence of
// Shiryaev-Roberts sums of bets against "the mean is at most m",
//
//	R <- (R + 1) (1 + λ (x - m))      alarm when the mean of R over the λ reaches c
//
// which are e-detectors (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework
// for sequential change detection", 2023): where the conditional mean stays at most m, the
// average run length to an alarm is at least c, whatever the distribution, and looking at
// each value costs nothing. M is not known. It is the least, over the blocks of Baseline
// values since the last alarm, of an upper bound of the block's mean that fails with
// probability δ (the empirical Bernstein bound of Maurer and Pontil, 2009),
//
//	mean + sqrt(2 V L/n) + 7 L/(3 (n-1))      L = ln(2/δ)
//
// c and δ each take one half of the false alarms that are allowed. The guarantee is for
// values of a constant conditional mean. A falling mean raises no alarm.
//
// The zero state is a start. A Drift is a function of its configuration and the values.
type Drift struct {
	cfg   DriftConfig
	limit float64 // c
	width float64 // L
	state DriftState
}

// A DriftState is everything that a Drift remembers.
type DriftState struct {
	N       int           `cbor:"n"` // of the block in progress
	Sum     float64       `cbor:"sum"`
	Squares float64       `cbor:"squares"`
	Known   bool          `cbor:"known"` // a block was completed since the last alarm
	Bound   float64       `cbor:"bound"` // m
	Sums    [bets]float64 `cbor:"sums"`  // R
}

// NewDrift returns a Drift for a valid configuration that asks for one.
func NewDrift(cfg DriftConfig) *Drift {
	cfg = cfg.WithDefaults()
	rate := cfg.FalseAlarms / 2e6
	return &Drift{cfg: cfg, limit: 1 / rate, width: ln(2 / math.Min(1, float64(rate*float64(cfg.Baseline))))}
}

// State returns a copy of the state.
func (d *Drift) State() DriftState { return d.state }

// Restore replaces the state. It returns an error, and changes nothing, if no values lead
// to it.
func (d *Drift) Restore(s DriftState) error {
	ok := s.N >= 0 && s.N < d.cfg.Baseline && s.Sum >= 0 && s.Squares >= 0 && s.Bound >= 0 && s.Sum <= float64(s.N)
	for _, r := range s.Sums {
		ok = ok && r >= 0 && r <= math.MaxFloat64
	}
	if !ok || s.Bound > math.MaxFloat64 {
		return fmt.Errorf("drift: no values lead to the state %+v", s)
	}
	d.state = s
	return nil
}

// Observe takes the next value, a number outside of [0, 1] as the nearest in it and a NaN as
// 1, and reports whether it raises an alarm. After an alarm it starts afresh.
func (d *Drift) Observe(x float64) bool {
	if !(x < 1) {
		x = 1
	}
	x = math.Max(x, 0)
	s := &d.state
	if s.Known && d.bet(x) {
		*s = DriftState{}
		return true
	}
	s.N++
	s.Sum += x
	s.Squares += float64(x * x)
	if s.N == d.cfg.Baseline {
		d.settle()
	}
	return false
}

// bet updates the sums. λ is a share of 1/m, the most that keeps every factor above 0.
func (d *Drift) bet(x float64) bool {
	s := &d.state
	total, share := 0.0, 0.5
	for k := range s.Sums {
		s.Sums[k] = float64((s.Sums[k] + 1) * (1 + float64(share/s.Bound)*(x-s.Bound)))
		total += s.Sums[k]
		share /= 2
	}
	return total >= float64(bets*d.limit)
}

// settle completes a block.
func (d *Drift) settle() {
	s := &d.state
	n := float64(s.N)
	mean := s.Sum / n
	variance := math.Max(0, (s.Squares-float64(n*float64(mean*mean)))/(n-1))
	bound := mean + math.Sqrt(float64(2*variance*d.width)/n) + float64(7*d.width)/(3*(n-1))
	if !s.Known || bound < s.Bound {
		s.Bound, s.Known = bound, true
	}
	s.N, s.Sum, s.Squares = 0, 0, 0
}

// ln is the logarithm of a number above 0, with the same bits on every machine.
func ln(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	t := (fraction - 1) / (fraction + 1)
	square, power, sum := float64(t*t), t, 0.0
	for k := 1; k < 60; k += 2 {
		sum += power / float64(k)
		power = float64(power * square)
	}
	return float64(2*sum) + float64(float64(exponent)*math.Ln2)
}
