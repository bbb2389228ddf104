package blas

import (
	"runtime"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/perennial-ml/perennial/compute/internal/kernel"
)

// An Implementation is gonum's BLAS with the float32 products of compute. It is what
// blas32.Use and tensor.Use take; New makes one.
type Implementation struct {
	gonum.Implementation
	set     *kernel.Set
	threads int
	works   *sync.Pool // of *work
}

// An Option changes what New makes.
type Option func(*Implementation)

// WithThreads lets up to n goroutines share a product that is worth it. The default is
// GOMAXPROCS. No bit depends on it.
func WithThreads(n int) Option { return func(b *Implementation) { b.threads = n } }

// New returns an Implementation with the best kernels that this machine has.
func New(with ...Option) Implementation {
	b := Implementation{
		set:     kernel.Best(),
		threads: runtime.GOMAXPROCS(0),
		works:   &sync.Pool{New: func() any { return &work{space: make([]float32, kernel.Workspace)} }},
	}
	for _, set := range with {
		set(&b)
	}
	b.threads = max(b.threads, 1)
	return b
}

// work is the memory that one goroutine needs for a product.
type work struct{ space, room []float32 }

// take returns room for n values.
func (w *work) take(n int) []float32 {
	if cap(w.room) < n {
		w.room = make([]float32, n)
	}
	return w.room[:n]
}

func transposed(t blas.Transpose) bool { return t == blas.Trans || t == blas.ConjTrans }

func known(t blas.Transpose) bool { return t == blas.NoTrans || transposed(t) }

// fits says that an m×n matrix with rows ld apart has elements and lies in x.
func fits(x []float32, m, n, ld int) bool {
	return m > 0 && n > 0 && ld >= n && len(x) >= (m-1)*ld+n
}
