package models

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/compute"
)

func TestASingleExampleHasTheBitsOfItsGraph(t *testing.T) {
	long := Spec{Kind: "sparse_linear", Task: Binary, Table: 50}
	for range 45 {
		long.Categories = append(long.Categories, 50)
	}
	for name, s := range map[string]Spec{
		"binary":            {Kind: "sparse_linear", Task: Binary, Categories: []int{9, 9, 9}, Table: 9},
		"regression":        {Kind: "sparse_linear", Task: Regression, Categories: []int{5, 6}},
		"bags":              {Kind: "sparse_linear", Task: Binary, Categories: []int{6, 5, 5, 5}, Bags: []Bag{{First: 1, Size: 3}}},
		"as many as a plan": long,
	} {
		for _, family := range []string{"avx512", "avx2", "portable"} {
			if _, err := compute.Named(family); err != nil {
				t.Logf("%s is not there", family)
				continue
			}
			t.Run(name+" "+family, func(t *testing.T) {
				single, graph := must(New(s, 4)), must(New(s, 4))
				for _, m := range []*Model{single, graph} {
					require.NoError(t, m.Use(compute.Settings{Kernels: family}))
				}
				require.NotNil(t, single.single)
				runBy(graph, plan(compute.WithKernels(family)))
				r := rand.New(rand.NewPCG(1, 2))
				for range 200 {
					for i, p := range single.Params() {
						for j := range p.Data {
							p.Data[j] = float32(math.Copysign(r.ExpFloat64(), r.Float64()-0.5))
						}
						copy(graph.Params()[i].Data, p.Data)
					}
					b := &Batch{
						Rows:    1,
						Targets: []float32{[]float32{0, 1, 0.5}[r.IntN(3)]},
						Weights: []float32{[]float32{0, 1, 0.3, 1e-40}[r.IntN(4)]},
					}
					for j, n := range s.Categories {
						c := r.Int32N(int32(n))
						if a := s.Absent(); a != nil && a[j] && r.IntN(3) == 0 {
							c = -1
						}
						b.Categories = append(b.Categories, c)
					}
					if r.IntN(20) == 0 { // z overflows, or nearly
						single.Params()[1].Data[0], graph.Params()[1].Data[0] = math.MaxFloat32, math.MaxFloat32
					}
					want, failed := graph.Gradients(b)
					got, err := single.Gradients(b)
					require.Equal(t, failed, err)
					if err != nil {
						require.Nil(t, single.Trained())
						continue
					}
					require.Equal(t, math.Float64bits(want), math.Float64bits(got))
					require.True(t, graph.Grads().Equal(single.Grads()), "%v\n%v", graph.Grads(), single.Grads())
					require.Equal(t, graph.Trained(), single.Trained())
					for i := range single.Grads() {
						require.GreaterOrEqual(t, single.Squares(i)*(1+1e-5), graph.Squares(i))
					}
				}
			})
		}
	}
}

func must(m *Model, err error) *Model {
	if err != nil {
		panic(err)
	}
	return m
}
