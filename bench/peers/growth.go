package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/perennial-ml/perennial/bench/plot"
)

// A sweep is one workload at growing sizes.
type sweep struct {
	Name  string `json:"name"` // of the file
	title string
	axis  string
	sizes []int
	at    func(size int) workload
	// Points are what was measured, in the order of sizes.
	Points []point `json:"points"`
}

// A point is what a step costs at one size.
type point struct {
	Size  int     `json:"size"`
	Ours  span    `json:"ours"`
	Rival span    `json:"rival"`
	Limit float64 `json:"limit"` // seconds
}

// A span is seconds a step: of the fastest slice, and of the median one, which on an idle
// machine are close.
type span struct {
	Fastest float64 `json:"fastest"`
	Median  float64 `json:"median"`
}

func (s span) String() string {
	if s.Fastest == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%s)", short(1e6*s.Fastest), short(1e6*s.Median))
}

func doubling(from, to, factor int) (out []int) {
	for n := from; n <= to; n *= factor {
		out = append(out, n)
	}
	return out
}

// sweeps say how the cost of a step grows with width, depth, batch and table.
func sweeps() []*sweep {
	return []*sweep{
		{
			Name: "width", title: "A training step, MLP 64-w-w-10, SGD, batch 32", axis: "width w", sizes: doubling(16, 1024, 2),
			at: func(w int) workload { return mlpTraining([]int{64, w, w, 10}, "sgd", 32, 1, 0) },
		},
		{
			Name: "depth", title: "A training step, hidden layers of 64, SGD, batch 32", axis: "hidden layers", sizes: doubling(1, 32, 2),
			at: func(depth int) workload {
				widths := []int{64}
				for range depth {
					widths = append(widths, 64)
				}
				return mlpTraining(append(widths, 10), "sgd", 32, 1, 0)
			},
		},
		{
			Name: "batch", title: "A training step, MLP 784-256-256-10, SGD", axis: "rows of a batch", sizes: doubling(1, 1024, 4),
			at: func(rows int) workload { return mlpTraining(digits, "sgd", rows, 1, 0) },
		},
		{
			Name: "table", title: "A training step, DeepFM 26×16, 64-32-1, sparse SGD, batch 32", axis: "rows of the table", sizes: doubling(1<<10, 1<<22, 4),
			at: func(rows int) workload { return deepFM(rows, "sgd", 32, 0) },
		},
	}
}

// measure fills in the points.
func (s *sweep) measure(ctx context.Context, p *peers, l limits) error {
	for _, n := range s.sizes {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r, err := p.measure(ctx, s.at(n), l)
		if err != nil {
			return fmt.Errorf("%s %d: %w", s.Name, n, err)
		}
		s.Points = append(s.Points, point{
			Size: n, Limit: inverse(r.Limit.Rate),
			Ours: span{inverse(r.OursBest), inverse(r.Ours.Median)}, Rival: span{inverse(r.RivalBest), inverse(r.Rival.Median)},
		})
	}
	return nil
}

// inverse turns a rate into a duration; nothing stays nothing.
func inverse(rate float64) float64 {
	if rate == 0 {
		return 0
	}
	return 1 / rate
}

// draw writes the plot of a sweep.
func (s *sweep) draw(w io.Writer) error {
	ours, theirs, limit := plot.Series{Name: "Perennial"}, plot.Series{Name: "PyTorch"}, plot.Series{Name: "hardware limit"}
	add := func(to *plot.Series, n int, v span) {
		if v.Fastest > 0 {
			to.X, to.Y = append(to.X, float64(n)), append(to.Y, 1e6*v.Fastest)
			to.Low, to.High = append(to.Low, 1e6*v.Fastest), append(to.High, 1e6*v.Median)
		}
	}
	for _, p := range s.Points {
		add(&ours, p.Size, p.Ours)
		add(&theirs, p.Size, p.Rival)
		add(&limit, p.Size, span{p.Limit, p.Limit})
	}
	series := []plot.Series{ours}
	if len(theirs.X) > 0 {
		series = append(series, theirs)
	}
	chart := plot.Chart{Title: s.title + ", one thread", X: s.axis, Y: "µs a step: fastest slice, up to the median", LogX: true, LogY: true}
	return chart.Lines(w, append(series, limit)...)
}

// drawAll measures the sweeps and writes a plot of each to a folder.
func drawAll(ctx context.Context, p *peers, l limits, folder string, errw io.Writer) ([]*sweep, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make folder for plots: %w", err)
	}
	full := p.settings
	defer func() { p.settings = full }()
	p.settings.rounds, p.settings.instances = max(5, full.rounds/3), 1
	list := sweeps()
	var errs error
	for _, s := range list {
		fmt.Fprintf(errw, "how cost grows with %s\n", s.axis)
		if err := s.measure(ctx, p, l); err != nil {
			return list, err
		}
		var b bytes.Buffer
		if err := s.draw(&b); err != nil {
			return list, fmt.Errorf("draw %s: %w", s.Name, err)
		}
		errs = errors.Join(errs, os.WriteFile(filepath.Join(folder, s.Name+".svg"), b.Bytes(), 0o644))
	}
	return list, errs
}
