package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// windows meets steps above 1, filters of one pixel, filters in parts, and long lines.
func windows() []kernel.Window {
	return []kernel.Window{
		{Rows: 5, Columns: 7, Step: 1, Size: 3, Depth: 1},
		{Rows: 3, Columns: 14, Step: 1, Size: 3, Depth: 16},
		{Rows: 4, Columns: 3, Step: 2, Size: 3, Depth: 8},
		{Rows: 4, Columns: 5, Step: 2, Size: 2, Depth: 3},
		{Rows: 2, Columns: 3, Step: 3, Size: 1, Depth: 2},
		{Rows: 1, Columns: 1, Step: 1, Size: 5, Depth: 4},
		{Rows: 2, Columns: 3, Step: 1, Size: 3, Depth: 70},
		{Rows: 2, Columns: 500, Step: 1, Size: 1, Depth: 1},
	}
}

func TestCorrelationsAreTheProductOfTheWindowsAsTheyAreSeen(t *testing.T) {
	ws := make([]float32, kernel.Workspace)
	for _, name := range kernel.Names() {
		s := named(t, name)
		r := rand.New(rand.NewPCG(1, 2))
		for _, w := range windows() {
			for _, n := range []int{1, 5, 16, 33} {
				msg := fmt.Sprint(name, w, n)
				w.Pitch = ((w.Columns-1)*w.Step+w.Size)*w.Depth + r.IntN(5)
				x := values(r, ((w.Rows-1)*w.Step+w.Size)*w.Pitch)
				positions, terms := w.Rows*w.Columns, w.Terms()
				filters, bias := values(r, terms*n), values(r, n)
				c := kernel.NewCorrelation(w, n)
				panels := make([]float32, c.Panels())
				s.PackFilters(panels, filters, c)
				seen := patches(x, w)

				want, got := make([]float32, positions*n), make([]float32, positions*n)
				for i := range positions {
					copy(want[i*n:], bias)
				}
				s.GemmNN(want, seen, filters, positions, n, terms, n, terms, n, true, ws)
				s.Correlate(got, x, panels, bias, c, 0, w.Rows, false, ws)
				requireBits(t, want, got, msg)

				dz := values(r, positions*n)
				want, got = values(r, terms*n), make([]float32, terms*n)
				copy(got, want)
				s.GemmTN(want, seen, dz, terms, n, positions, n, terms, n, true, ws)
				s.CorrelateTN(got, x, dz, c, 0, n, ws)
				requireBits(t, want, got, msg)
			}
		}
	}
}

// patches writes what the filter sees at each position as a row.
func patches(x []float32, w kernel.Window) []float32 {
	var out []float32
	for i := range w.Rows {
		for j := range w.Columns {
			for top := range w.Size {
				at := (i*w.Step+top)*w.Pitch + j*w.Step*w.Depth
				out = append(out, x[at:at+w.Size*w.Depth]...)
			}
		}
	}
	return out
}

func TestCorrelationsHaveTheBitsOfPortable(t *testing.T) {
	portable, ws := named(t, kernel.Portable), make([]float32, kernel.Workspace)
	families(t, func(t *testing.T, s *kernel.Set) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, w := range windows() {
			w.Pitch = ((w.Columns-1)*w.Step + w.Size) * w.Depth
			x := values(r, ((w.Rows-1)*w.Step+w.Size)*w.Pitch)
			const n = 20
			filters, bias, c := values(r, w.Terms()*n), values(r, n), kernel.NewCorrelation(w, n)
			panels := make([]float32, c.Panels())
			want, got := make([]float32, w.Rows*w.Columns*n), make([]float32, w.Rows*w.Columns*n)
			portable.PackFilters(panels, filters, c)
			portable.Correlate(want, x, panels, bias, c, 0, w.Rows, true, ws)
			s.PackFilters(panels, filters, c)
			// Threads share rows.
			s.Correlate(got, x, panels, bias, c, w.Rows/2, w.Rows, true, ws)
			s.Correlate(got, x, panels, bias, c, 0, w.Rows/2, true, ws)
			requireBits(t, want, got, fmt.Sprint(w))
			portable.Correlate(want, x, filters, nil, c, 0, w.Rows, false, ws)
			s.Correlate(got, x, panels, nil, c, 0, w.Rows, false, ws)
			requireBits(t, want, got, fmt.Sprint(w))
			// And columns of the filters.
			dz := values(r, w.Rows*w.Columns*n)
			want, got = values(r, w.Terms()*n), make([]float32, w.Terms()*n)
			copy(got, want)
			portable.CorrelateTN(want, x, dz, c, 0, n, ws)
			s.CorrelateTN(got, x, dz, c, 0, 16, ws)
			s.CorrelateTN(got, x, dz, c, 16, n, ws)
			requireBits(t, want, got, fmt.Sprint(w))
		}
	})
}
