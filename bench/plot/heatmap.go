package plot

import (
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

// A Heatmap shows a matrix by colour, with each value written in its cell.
type Heatmap struct {
	Title, X, Y   string   // the title, and what columns and rows are
	Columns, Rows []string // their names
	Values        [][]float64
	// Low and High are the values of the lightest and the darkest colour; equal,
	// they follow the values.
	Low, High float64
}

// Draw writes the map. A cell without a number is left white.
func (h Heatmap) Draw(w io.Writer) error {
	const cell = 44
	widest := 0
	for _, r := range h.Rows {
		widest = max(widest, utf8.RuneCountInString(r))
	}
	left, top := 48+7*float64(widest), 64.0
	width, height := int(left)+cell*len(h.Columns)+24, int(top)+cell*len(h.Rows)+16
	s := newSVG(max(width, 320), height, h.Title)
	s.text(left+cell*float64(len(h.Columns))/2, 40, "middle", "", h.X)
	y := top + cell*float64(len(h.Rows))/2
	s.text(16, y, "middle", fmt.Sprintf(` transform="rotate(-90 16 %.1f)"`, y), h.Y)
	colours := scale{low: h.Low, high: h.High, from: 0, to: 1}
	if h.Low == h.High {
		colours = newScale(0, 1, false, h.Values...)
	}
	for i, name := range h.Columns {
		s.text(left+cell*(float64(i)+0.5), top-6, "middle", "", name)
	}
	for i, name := range h.Rows {
		s.text(left-6, top+cell*(float64(i)+0.5)+4, "end", "", name)
		if i >= len(h.Values) {
			continue
		}
		for j, v := range h.Values[i][:min(len(h.Values[i]), len(h.Columns))] {
			if !drawable(v, false) {
				continue
			}
			share := math.Min(math.Max(colours.at(v), 0), 1)
			x, y := left+cell*float64(j), top+cell*float64(i)
			s.rect(x+1, y+1, cell-2, cell-2, shade(share))
			more := ""
			if share > 0.6 {
				more = ` fill="#ffffff"`
			}
			s.text(x+cell/2, y+cell/2+4, "middle", more, fmt.Sprintf("%.3g", v))
		}
	}
	return s.writeTo(w)
}

// shade goes from near white to dark blue, evenly in each channel.
func shade(share float64) string {
	mix := func(light, dark float64) int { return int(math.Round(light + share*(dark-light))) }
	return fmt.Sprintf("#%02x%02x%02x", mix(0xee, 0x08), mix(0xf4, 0x30), mix(0xfb, 0x6b))
}
