package plot_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/plot"
)

// elements parses an SVG and counts its elements by name.
func elements(t *testing.T, draw func(io.Writer) error) (map[string]int, string) {
	t.Helper()
	var b, again bytes.Buffer
	require.NoError(t, draw(&b))
	require.NoError(t, draw(&again))
	require.Equal(t, b.String(), again.String(), "equal figures drew different bytes")
	count := map[string]int{}
	d := xml.NewDecoder(&b)
	text := b.String()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return count, text
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
			for _, a := range start.Attr {
				require.NotContains(t, a.Value, "NaN")
				require.NotContains(t, a.Value, "Inf")
			}
		}
	}
}

func TestEveryPlotSurvivesWhatCannotBeDrawn(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, s := range map[string]plot.Series{
		"nothing":   {Name: "a"},
		"no number": {Name: "a", X: []float64{1, 2}, Y: []float64{nan, inf}, Low: []float64{nan, nan}, High: []float64{inf, 1}},
		"one point": {Name: "a", X: []float64{1}, Y: []float64{2}},
		"constant":  {Name: "a", X: []float64{1, 2}, Y: []float64{0, 0}},
		"negative":  {Name: "a", X: []float64{-1, 0}, Y: []float64{-2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []plot.Chart{{}, {LogX: true, LogY: true}, {Bottom: 0, Top: 1}} {
				elements(t, func(w io.Writer) error { return c.Lines(w, s) })
				elements(t, func(w io.Writer) error { return c.Points(w, s) })
			}
		})
	}
	elements(t, func(w io.Writer) error { return plot.Chart{}.Bars(w) })
	elements(t, func(w io.Writer) error { return plot.Chart{}.Bars(w, plot.Bar{Name: "a", Value: nan}) })
	elements(t, func(w io.Writer) error { return plot.Heatmap{}.Draw(w) })
	elements(t, func(w io.Writer) error {
		return plot.Heatmap{Columns: []string{"a"}, Rows: []string{"b", "c"}, Values: [][]float64{{nan, 1, 2}}}.Draw(w)
	})
}

func TestNamesCannotBreakOutOfTheDocument(t *testing.T) {
	count, text := elements(t, func(w io.Writer) error {
		return plot.Chart{Title: `</title><script>"&`}.Lines(w, plot.Series{Name: "<b>", X: []float64{1}, Y: []float64{1}})
	})
	require.Zero(t, count["script"])
	require.Contains(t, text, "&lt;b&gt;")
}

func TestALineBreaksWhereAValueIsMissing(t *testing.T) {
	_, text := elements(t, func(w io.Writer) error {
		return plot.Chart{}.Lines(w, plot.Series{X: []float64{0, 1, 2, 3, 4}, Y: []float64{0, 1, math.NaN(), 3, 4}})
	})
	_, path, _ := strings.Cut(text, `d="`)
	path, _, _ = strings.Cut(path, `"`)
	require.Equal(t, 2, strings.Count(path, "M"), path)
}

func TestABandNeedsBothOfItsEdges(t *testing.T) {
	s := plot.Series{X: []float64{0, 1}, Y: []float64{1, 2}, Low: []float64{0.5, 1}, High: []float64{2, 3}}
	with, _ := elements(t, func(w io.Writer) error { return plot.Chart{}.Lines(w, s) })
	s.High = nil
	without, _ := elements(t, func(w io.Writer) error { return plot.Chart{}.Lines(w, s) })
	require.Equal(t, with["path"]-1, without["path"])
}

func TestHeatmapWritesEveryValueAndDarkensTheGreatest(t *testing.T) {
	_, text := elements(t, func(w io.Writer) error {
		return plot.Heatmap{Columns: []string{"1", "2"}, Rows: []string{"1", "2"}, Values: [][]float64{{0.25, math.NaN()}, {0.5, 0.75}}}.Draw(w)
	})
	for _, v := range []string{">0.25<", ">0.5<", ">0.75<", "#08306b", "#eef4fb"} {
		require.Contains(t, text, v)
	}
}

func TestBarsShowNameValueAndSpread(t *testing.T) {
	count, text := elements(t, func(w io.Writer) error {
		return plot.Chart{}.Bars(w, plot.Bar{Name: "ER", Value: 0.3, Spread: 0.1}, plot.Bar{Name: "none", Value: -0.2})
	})
	require.Equal(t, 3, count["rect"], "a background and two bars")
	require.Contains(t, text, ">ER<")
	require.Contains(t, text, ">-0.2<")
}
