package main

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"

	"github.com/perennial-ml/perennial/compute"
	perennial "github.com/perennial-ml/perennial/compute/blas"
)

// square multiplies two square matrices.
func square(w spec) (func() error, error) {
	r := rand.New(rand.NewPCG(7, 8))
	n := w.Size
	random := func() []float32 {
		x := make([]float32, n*n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	a, b, c := random(), random(), make([]float32, n*n)
	ours := perennial.New(perennial.WithThreads(1))
	return func() error {
		ours.Sgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, a, n, b, n, 0, c, n)
		return nil
	}, nil
}

const fmaRounds = 20_000

// registers is a loop of multiply-adds that touches no memory.
func registers(spec) (func() error, error) {
	k := compute.Best()
	return func() error {
		k.PeakFMA(fmaRounds)
		return nil
	}, nil
}

// fmaStep is what a step of registers does, in GFLOP.
func fmaStep() float64 { return float64(compute.Best().PeakFMA(fmaRounds)) / 1e9 }
