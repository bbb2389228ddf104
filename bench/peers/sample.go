package main

import (
	"slices"
	"time"
)

// A sample is what one side did in a slice of time.
type sample struct {
	Steps int     `json:"steps"`
	Wall  float64 `json:"wall"` // seconds
	CPU   float64 `json:"cpu"`  // seconds of processor time of the whole process
}

// A side runs for about a time.
type side interface {
	run(d time.Duration) (sample, error)
}

// A loop is a side in this process.
type loop struct {
	step  func() error
	chunk int // steps between two looks at the clock
}

func (l *loop) run(d time.Duration) (sample, error) {
	var s sample
	l.chunk = max(l.chunk, 1)
	cpu, start := processorTime(), time.Now()
	for {
		from := time.Since(start)
		for range l.chunk {
			if err := l.step(); err != nil {
				return s, err
			}
		}
		s.Steps += l.chunk
		now := time.Since(start)
		if now >= d {
			s.Wall, s.CPU = now.Seconds(), (processorTime() - cpu).Seconds()
			return s, nil
		}
		if now-from < d/200 {
			l.chunk *= 2
		}
	}
}

// A stat is the middle of some figures, and how far they stray: the 10th and the 90th
// percentile.
type stat struct {
	Median float64 `json:"median"`
	Low    float64 `json:"p10"`
	High   float64 `json:"p90"`
}

func statOf(values []float64) stat {
	if len(values) == 0 {
		return stat{}
	}
	v := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		x := q * float64(len(v)-1)
		i := int(x)
		if i+1 == len(v) {
			return v[i]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return stat{Median: at(0.5), Low: at(0.1), High: at(0.9)}
}
