package plot

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// A Series is one line, or one cloud of points. Where Low and High are given they are
// drawn as a band around the line, or as bars through the points.
type Series struct {
	Name      string
	X, Y      []float64
	Low, High []float64
}

// A Chart has an x and a y axis.
type Chart struct {
	Title, X, Y   string // the title, and what the axes measure
	Width, Height int    // pixels; default 760 by 420
	LogX, LogY    bool
	// Bottom and Top fix the range of y; equal, they follow the values.
	Bottom, Top float64
}

// frame is a chart's axes, ready to be drawn on.
type frame struct {
	*svg
	x, y                     scale
	left, right, top, bottom float64
}

func (c Chart) size() (width, height int) {
	width, height = c.Width, c.Height
	if width == 0 {
		width = 760
	}
	if height == 0 {
		height = 420
	}
	return width, height
}

// Lines draws each series as a line over x, with the legend to its right.
func (c Chart) Lines(w io.Writer, series ...Series) error {
	f := c.frame(series, 0)
	for i, s := range series {
		f.band(s, palette(i))
		f.path(s, palette(i), dashes(i))
	}
	f.legend(series)
	return f.writeTo(w)
}

// Points draws each series as points, with bars from Low to High.
func (c Chart) Points(w io.Writer, series ...Series) error {
	f := c.frame(series, 0.04)
	for i, s := range series {
		for j := range min(len(s.X), len(s.Y)) {
			if !f.holds(s.X[j], s.Y[j]) {
				continue
			}
			x := f.x.at(s.X[j])
			if j < len(s.Low) && j < len(s.High) && f.holds(s.X[j], s.Low[j]) && f.holds(s.X[j], s.High[j]) {
				f.line(x, f.y.at(s.Low[j]), x, f.y.at(s.High[j]), palette(i))
			}
			fmt.Fprintf(f, `<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s"/>`+"\n", x, f.y.at(s.Y[j]), palette(i))
		}
	}
	f.legend(series)
	return f.writeTo(w)
}

func (f *frame) holds(x, y float64) bool { return drawable(x, f.x.log) && drawable(y, f.y.log) }

// frame draws axes that hold every series, and a margin around them.
func (c Chart) frame(series []Series, margin float64) *frame {
	width, height := c.size()
	widest := 0
	var xs, ys [][]float64
	for _, s := range series {
		widest = max(widest, utf8.RuneCountInString(s.Name))
		xs, ys = append(xs, s.X), append(ys, s.Y, s.Low, s.High)
	}
	f := &frame{
		svg: newSVG(width, height, c.Title), left: 64, right: float64(width - 40 - 7*widest), top: 36, bottom: float64(height - 48),
	}
	if c.Bottom != c.Top {
		ys = [][]float64{{c.Bottom, c.Top}}
	}
	f.x = newScale(f.left, f.right, c.LogX, xs...).widened(margin)
	f.y = newScale(f.bottom, f.top, c.LogY, ys...)
	if c.Bottom == c.Top {
		f.y = f.y.widened(margin)
	}
	for _, v := range f.x.ticks(7) {
		f.line(f.x.at(v), f.bottom, f.x.at(v), f.top, grid)
		f.text(f.x.at(v), f.bottom+16, "middle", "", label(v))
	}
	for _, v := range f.y.ticks(6) {
		f.line(f.left, f.y.at(v), f.right, f.y.at(v), grid)
		f.text(f.left-6, f.y.at(v)+4, "end", "", label(v))
	}
	f.line(f.left, f.bottom, f.right, f.bottom, ink)
	f.line(f.left, f.bottom, f.left, f.top, ink)
	f.text((f.left+f.right)/2, float64(height)-12, "middle", "", c.X)
	f.vertical(c.Y)
	return f
}

func (f *frame) vertical(words string) {
	y := (f.top + f.bottom) / 2
	f.text(16, y, "middle", fmt.Sprintf(` transform="rotate(-90 16 %.1f)"`, y), words)
}

// path draws a line, broken where a value is missing.
func (f *frame) path(s Series, colour, dash string) {
	move := "M"
	fmt.Fprintf(f, `<path fill="none" stroke="%s" stroke-width="1.8"%s d="`, colour, dash)
	for j := range min(len(s.X), len(s.Y)) {
		if !f.holds(s.X[j], s.Y[j]) {
			move = "M"
			continue
		}
		fmt.Fprintf(f, "%s%.1f %.1f", move, f.x.at(s.X[j]), f.inside(s.Y[j]))
		move = "L"
	}
	f.WriteString("\"/>\n")
}

// inside keeps what a fixed range cuts off on the chart's edge.
func (f *frame) inside(v float64) float64 { return min(max(f.y.at(v), f.top), f.bottom) }

// band shades the area between Low and High.
func (f *frame) band(s Series, colour string) {
	n := min(len(s.X), len(s.Low), len(s.High))
	for j := range n {
		if !f.holds(s.X[j], s.Low[j]) || !f.holds(s.X[j], s.High[j]) {
			return
		}
	}
	if n == 0 {
		return
	}
	fmt.Fprintf(f, `<path fill="%s" fill-opacity="0.15" d="`, colour)
	move := "M"
	for j := range n {
		fmt.Fprintf(f, "%s%.1f %.1f", move, f.x.at(s.X[j]), f.inside(s.High[j]))
		move = "L"
	}
	for j := n - 1; j >= 0; j-- {
		fmt.Fprintf(f, "L%.1f %.1f", f.x.at(s.X[j]), f.inside(s.Low[j]))
	}
	f.WriteString("Z\"/>\n")
}

func (f *frame) legend(series []Series) {
	for i, s := range series {
		y := f.top + 8 + 17*float64(i)
		fmt.Fprintf(f, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="3"%s/>`+"\n",
			f.right+10, y-4, f.right+26, y-4, palette(i), dashes(i))
		f.text(f.right+31, y, "start", "", s.Name)
	}
}
