package plot

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// A Bar is one named value, with how far it strays to either side.
type Bar struct {
	Name   string
	Value  float64
	Spread float64
}

// Bars draws a horizontal bar for each value, from zero, in the order given.
func (c Chart) Bars(w io.Writer, bars ...Bar) error {
	const step = 24
	width, _ := c.size()
	height := 84 + step*len(bars)
	widest := 0
	values := []float64{0}
	for _, b := range bars {
		widest = max(widest, utf8.RuneCountInString(b.Name))
		values = append(values, b.Value-b.Spread, b.Value+b.Spread)
	}
	if c.Bottom != c.Top {
		values = []float64{c.Bottom, c.Top}
	}
	f := &frame{
		svg: newSVG(width, height, c.Title), left: float64(24 + 7*widest), right: float64(width - 64), top: 36, bottom: float64(height - 48),
	}
	f.x = newScale(f.left, f.right, c.LogX, values)
	for _, v := range f.x.ticks(7) {
		f.line(f.x.at(v), f.bottom, f.x.at(v), f.top, grid)
		f.text(f.x.at(v), f.bottom+16, "middle", "", label(v))
	}
	zero := f.x.at(max(0, f.x.low))
	for i, b := range bars {
		y := f.top + step*float64(i) + 4
		f.text(f.left-8, y+12, "end", "", b.Name)
		if !drawable(b.Value, c.LogX) {
			continue
		}
		x := f.x.at(b.Value)
		f.rect(min(x, zero), y, max(x-zero, zero-x), step-8, palette(0))
		end := x
		if b.Spread > 0 {
			low, high := f.x.at(max(b.Value-b.Spread, f.x.low)), f.x.at(min(b.Value+b.Spread, f.x.high))
			f.line(low, y+step/2-4, high, y+step/2-4, ink)
			end = high
		}
		f.text(max(end, zero)+6, y+12, "start", "", fmt.Sprintf("%.4g", b.Value))
	}
	f.text((f.left+f.right)/2, float64(height)-12, "middle", "", c.X)
	return f.writeTo(w)
}
