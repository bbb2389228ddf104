package plot

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// svg is a document being written.
type svg struct{ strings.Builder }

const (
	ink  = "#24292f"
	grid = "#d8dee4"
)

// palette is the colours of Okabe and Ito (2008), which the colour-blind tell apart, black
// last.
func palette(i int) string {
	colours := [...]string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a7f00", "#000000"}
	return colours[i%len(colours)]
}

// dashes tells lines apart once the colours repeat.
func dashes(i int) string {
	return [...]string{"", ` stroke-dasharray="6 3"`, ` stroke-dasharray="2 3"`}[i/8%3]
}

func newSVG(width, height int, title string) *svg {
	s := &svg{}
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="sans-serif" font-size="12" fill="%s">`+"\n",
		width, height, width, height, ink)
	fmt.Fprintf(s, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(s, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	s.text(float64(width)/2, 20, "middle", ` font-size="14" font-weight="bold"`, title)
	return s
}

func (s *svg) text(x, y float64, anchor, more, words string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, html.EscapeString(words))
}

func (s *svg) line(x1, y1, x2, y2 float64, colour string) {
	fmt.Fprintf(s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, colour)
}

func (s *svg) rect(x, y, w, h float64, fill string) {
	fmt.Fprintf(s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, w, h, fill)
}

func (s *svg) writeTo(w io.Writer) error {
	s.WriteString("</svg>\n")
	if _, err := io.WriteString(w, s.String()); err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	return nil
}
