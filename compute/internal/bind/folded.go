package bind

import "github.com/perennial-ml/perennial/compute/internal/kernel"

// A Folded is a Product of which many rows are alike: those of columns of a that hold the same
// one value in every row of the batch. It is the Product's, and holds until its next Run.
type Folded struct {
	product *Product
	// Places says, for each row, how many before it are not alike, and after the last row how
	// many there are: row i is not if the number goes up after it.
	Places []int32
	// Zero says that the rows that are alike are +0, if b is finite.
	Zero bool

	a    []float32 // terms × those that are not alike
	rows []int32   // the numbers of these
}

// Within these bounds looking for such rows pays.
const (
	foldTerms = 64 // at most: of more rows of a batch few columns hold one value
	foldRows  = 64 // at least
	foldWidth = 64 // at least: shorter rows are computed in the time that telling them apart takes
)

// Fold tells rows that are alike, if they are many; otherwise it returns nil. Those of a product
// of one term, which is no work to speak of, are told if they are 0. Nothing else of the Product
// changes.
func (p *Product) Fold() *Folded {
	if p.k < 1 || p.k > foldTerms || p.m < foldRows || p.n < foldWidth {
		return nil
	}
	if p.folded.Places == nil {
		p.folded = Folded{product: p, Places: make([]int32, p.m+1), rows: make([]int32, p.m+kernel.GatherRoom)}
	}
	f := &p.folded
	value := kernel.Frequent(p.a[:p.m])
	if p.k == 1 && value != 0 || !p.set.Alike(f.Places, p.a, p.k, p.m, value) {
		return nil
	}
	f.Zero = value == 0
	if n := p.k*int(f.Places[p.m]) + kernel.GatherRoom; len(f.a) < n {
		f.a = make([]float32, p.k*p.m+kernel.GatherRoom)
	}
	p.set.Gather(f.a, f.rows, p.a, f.Places, p.k, p.m)
	return f
}

// Rows computes those rows that are not alike whose places are in [from, to), and writes them to
// dst; otherwise as Product.Rows.
func (f *Folded) Rows(dst []float32, from, to, member int) {
	f.product.rowsOf(dst, f.a[from:], to-from, int(f.Places[f.product.m]), member)
}

// Descend takes the step of SGD for those rows that are not alike whose places are in [from, to);
// otherwise as Product.Descend.
func (f *Folded) Descend(u *kernel.Updater, theta []float32, from, to, member int, h *kernel.Hyper) (finite, ok bool) {
	if from == to {
		return true, true
	}
	p := f.product
	return p.descend(u, theta, f.rows[from:to], f.a[from:], int(f.Places[p.m]), member, h)
}

// Alike computes what the other rows are, if there is one.
func (f *Folded) Alike(dst []float32) {
	p := f.product
	for i := range p.m {
		if f.Places[i+1] == f.Places[i] {
			p.Rows(dst, i, i+1, 0)
			return
		}
	}
}
