package ui

import (
	"fmt"
	"io"
	"math"
	"strings"
)

var (
	blocks      = []rune("▁▂▃▄▅▆▇█")
	asciiBlocks = []rune("_.-=+*#@")
)

// Sparkline draws values in one line of at most width characters, lowest to
// highest; neighbours are averaged where there are more. What is not finite is a
// blank.
func Sparkline(values []float64, width int, ascii bool) string {
	glyphs := blocks
	if ascii {
		glyphs = asciiBlocks
	}
	points := shrink(values, width)
	low, high := extent(points)
	var b strings.Builder
	for _, v := range points {
		switch {
		case !finite(v):
			b.WriteRune(' ')
		case low == high:
			b.WriteRune(glyphs[len(glyphs)/2])
		default:
			b.WriteRune(glyphs[int(math.Round((v-low)/(high-low)*float64(len(glyphs)-1)))])
		}
	}
	return b.String()
}

// A Series is one line of a Plot.
type Series struct {
	Name   string
	Values []float64 // evenly spaced; what is not finite is a gap
}

// A Plot draws series over one another, each with its own mark, the first on top.
type Plot struct {
	Width, Height int  // of the area itself, in characters; default 60 x 12
	ASCII         bool // draw with ASCII alone
	// Low and High fix the vertical axis; both 0 fits it to the values.
	Low, High float64
}

// Draw writes the plot: its vertical axis, the area, and a legend below.
func (p Plot) Draw(w io.Writer, series ...Series) error {
	if p.Width <= 0 {
		p.Width = 60
	}
	if p.Height <= 1 {
		p.Height = 12
	}
	marks, axis, corner, floor := []rune("●○·+×"), '│', '└', "─"
	if p.ASCII {
		marks, axis, corner, floor = []rune("*o.+x"), '|', '+', "-"
	}
	lines := make([][]float64, len(series))
	low, high := math.Inf(1), math.Inf(-1)
	for i, s := range series {
		lines[i] = stretch(s.Values, p.Width)
		if l, h := extent(lines[i]); finite(l) {
			low, high = min(low, l), max(high, h)
		}
	}
	if p.Low != 0 || p.High != 0 {
		low, high = p.Low, p.High
	}
	if !finite(low) || !finite(high) {
		low, high = 0, 1
	}
	if low >= high {
		low, high = low-0.5, low+0.5
	}
	area := make([][]rune, p.Height)
	for y := range area {
		area[y] = []rune(strings.Repeat(" ", p.Width))
	}
	for i := len(lines) - 1; i >= 0; i-- {
		for x, v := range lines[i] {
			if finite(v) {
				up := min(max((v-low)/(high-low), 0), 1)
				area[p.Height-1-int(math.Round(up*float64(p.Height-1)))][x] = marks[i%len(marks)]
			}
		}
	}
	var b strings.Builder
	for y, row := range area {
		label := ""
		if y == 0 || y == p.Height-1 || y == p.Height/2 {
			label = fmt.Sprintf("%.3g", high-(high-low)*float64(y)/float64(p.Height-1))
		}
		fmt.Fprintf(&b, "%8s %c%s\n", label, axis, strings.TrimRight(string(row), " "))
	}
	fmt.Fprintf(&b, "%8s %c%s\n", "", corner, strings.Repeat(floor, p.Width))
	for i, s := range series {
		last := "no value"
		for _, v := range s.Values {
			if finite(v) {
				last = fmt.Sprintf("%.3f", v)
			}
		}
		fmt.Fprintf(&b, "%8s %c %s (last %s)\n", "", marks[i%len(marks)], Clean(s.Name), last)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shrink averages neighbours until at most width values are left.
func shrink(values []float64, width int) []float64 {
	if len(values) <= width || width <= 0 {
		return values
	}
	out := make([]float64, width)
	for i := range out {
		sum, n := 0.0, 0
		for _, v := range values[i*len(values)/width : (i+1)*len(values)/width] {
			if finite(v) {
				sum, n = sum+v, n+1
			}
		}
		out[i] = math.NaN()
		if n > 0 {
			out[i] = sum / float64(n)
		}
	}
	return out
}

// stretch returns exactly width values: averaged if there are more, repeated if
// there are fewer.
func stretch(values []float64, width int) []float64 {
	if len(values) == 0 || len(values) >= width {
		return shrink(values, width)
	}
	out := make([]float64, width)
	for i := range out {
		out[i] = values[i*len(values)/width]
	}
	return out
}

// extent returns the least and the greatest finite value; +Inf and -Inf if there
// is none.
func extent(values []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if finite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
