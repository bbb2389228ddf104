package report

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/perennial-ml/perennial/bench/measure"
	"github.com/perennial-ml/perennial/bench/plot"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/internal/durable"
)

// Write writes the suite's page and plots into a folder, each file whole or not at all.
func Write(folder string, s protocol.Suite, runs []result.Run) error {
	list, _ := rows(s, runs)
	var names []string
	for _, p := range plots(s, list) {
		var b bytes.Buffer
		if err := p.draw(&b); err != nil {
			return err
		}
		name := s.Name + "-" + p.name + ".svg"
		if err := write(filepath.Join(folder, name), b.Bytes()); err != nil {
			return err
		}
		names = append(names, name)
	}
	var b bytes.Buffer
	if err := Markdown(&b, s, runs, names); err != nil {
		return err
	}
	return write(filepath.Join(folder, s.Name+".md"), b.Bytes())
}

func write(path string, content []byte) error {
	temp := path + durable.TempSuffix
	if err := os.WriteFile(temp, content, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

type picture struct {
	name string
	draw func(*bytes.Buffer) error
}

// plots lists the pictures that the runs have figures for.
func plots(s protocol.Suite, list []row) []picture {
	out := []picture{
		{"time", func(b *bytes.Buffer) error { return overTime(b, s, list) }},
		{"seconds", func(b *bytes.Buffer) error { return against(b, s, list, "seconds of training", row.seconds) }},
		{"memory", func(b *bytes.Buffer) error { return against(b, s, list, "bytes of memory", row.bytes) }},
	}
	if best, ok := largest(list, s.Figure); ok && len(best.runs[0].Outcome.Matrix) > 1 {
		out = append(out,
			picture{"forgetting", func(b *bytes.Buffer) error { return forgetting(b, s, list) }},
			picture{"matrix", func(b *bytes.Buffer) error { return matrix(b, s, best) }})
	}
	return out
}

// largest is the method with the largest figure, of those that learn task by task.
func largest(list []row, figure string) (best row, ok bool) {
	top := math.Inf(-1)
	for _, r := range list {
		if m := r.sample(figure).Mean(); len(r.runs) > 0 && !r.method.Joint && m > top {
			best, top, ok = r, m, true
		}
	}
	return best, ok
}

// overTime draws the accuracy while learning, of the first seed of each method.
func overTime(b *bytes.Buffer, s protocol.Suite, list []row) error {
	var series []plot.Series
	for _, r := range list {
		if len(r.runs) == 0 {
			continue
		}
		line := plot.Series{Name: r.title()}
		o := r.runs[0].Outcome
		for _, p := range o.Curve {
			line.X = append(line.X, float64(p.Examples))
			line.Y = append(line.Y, 100*measure.Sample(p.Accuracy).Mean())
		}
		for _, p := range o.Stream {
			line.X = append(line.X, float64(p.Row))
			line.Y = append(line.Y, 100*p.Accuracy)
		}
		if len(line.X) > 0 {
			series = append(series, line)
		}
	}
	y := "accuracy on the tasks seen so far, %"
	if s.Figure == result.Prequential {
		y = "accuracy of each stretch before its labels, %"
	}
	return plot.Chart{Title: s.Title + ": over time", X: "examples", Y: y}.Lines(b, series...)
}

// against draws the compared figure over something that it costs.
func against(b *bytes.Buffer, s protocol.Suite, list []row, what string, cost func(row) measure.Sample) error {
	var series []plot.Series
	for _, r := range list {
		if len(r.runs) == 0 || len(cost(r)) == 0 {
			continue
		}
		f := percent(r.sample(s.Figure))
		m, d := f.Mean(), orZero(f.Deviation())
		series = append(series, plot.Series{
			Name: r.title(), X: []float64{cost(r).Mean()}, Y: []float64{m}, Low: []float64{m - d}, High: []float64{m + d},
		})
	}
	return plot.Chart{Title: s.Title + ": against " + what, X: what, Y: s.Figure + ", %", LogX: true}.Points(b, series...)
}

func forgetting(b *bytes.Buffer, s protocol.Suite, list []row) error {
	var bars []plot.Bar
	for _, r := range list {
		if f := percent(r.sample(result.Forgetting)); len(f) > 0 {
			bars = append(bars, plot.Bar{Name: r.title(), Value: f.Mean(), Spread: orZero(f.Deviation())})
		}
	}
	return plot.Chart{Title: s.Title + ": forgetting", X: "forgetting, points"}.Bars(b, bars...)
}

// matrix draws the accuracies of a method's first seed.
func matrix(b *bytes.Buffer, s protocol.Suite, r row) error {
	o := r.runs[0].Outcome
	h := plot.Heatmap{
		Title: s.Title + ": " + r.title(), X: "accuracy on, %", Y: "after learning",
		Rows: o.Tasks, Low: 0, High: 100,
	}
	for _, line := range o.Matrix {
		h.Values = append(h.Values, percent(line))
	}
	h.Columns = slices.Clone(o.Tasks)
	for i, name := range h.Columns {
		if len(name) > 6 {
			h.Columns[i] = fmt.Sprint(i + 1)
		}
	}
	return h.Draw(b)
}
