package stock

import (
	"fmt"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/perennial-ml/perennial/compute/internal/bind"
)

// Match returns the kernels of an op for these shapes, and the indices of the inputs that
// they read; nil if it has none.
func Match(op gorgonia.Op, out tensor.Shape, in []tensor.Shape) (bind.Op, []int) {
	kind := strings.TrimPrefix(strings.TrimPrefix(fmt.Sprintf("%T", op), "*"), "gorgonia.")
	text := op.String()
	for _, s := range append(in[:len(in):len(in)], out) {
		if s.TotalSize() < 1 {
			return nil, nil
		}
	}
	switch {
	case kind == "elemBinOp" && len(in) == 2:
		return read(matchBinary(text, out, in), 2)
	case kind == "elemUnaryOp" && len(in) == 1:
		return read(matchUnary(text), 1)
	case kind == "linAlgBinOp" && len(in) == 2:
		return read(matchProduct(text, out, in), 2)
	case kind == "sumOp" && len(in) == 1:
		return read(matchSum(text, out, in[0]), 1)
	case kind == "softmaxOp" && len(in) == 1:
		return read(matchSoftmax(text, in[0], false), 1)
	case kind == "softmaxDiffOp" && len(in) == 3:
		if b, _ := read(matchSoftmax(text, in[0], true), 3); b != nil {
			return b, []int{1, 2} // the logits are not read
		}
	case kind == "sizeOp" && len(in) == 1:
		return read(matchSize(text, out, in[0]), 1)
	case kind == "repeatOp" && len(in) == 2:
		return read(matchRepeat(text, out, in[0]), 1) // the count is in the shape
	case kind == "reshapeOp" && len(in) == 1:
		return read(reshape{sameRows: out.Dims() > 0 && in[0].Dims() > 0 && out[0] == in[0][0]}, 1)
	case kind == "transposeOp" && len(in) == 1:
		return read(matchTranspose(text, in[0]), 1)
	case kind == "concatOp":
		return read(matchConcat(text, out, in), len(in))
	case kind == "sliceOp" && len(in) == 1:
		return read(matchSlice(text, in[0], out, false), 1)
	case kind == "sliceIncrOp" && len(in) == 2:
		if b, _ := read(matchSlice(text, out, in[1], true), 2); b != nil {
			return b, []int{1} // the first gives its shape alone
		}
	}
	return nil, nil
}

func read(b bind.Op, n int) (bind.Op, []int) {
	if b == nil {
		return nil, nil
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return b, all
}

// around returns the number of elements before and after an axis.
func around(s tensor.Shape, axis int) (outer, inner int) {
	outer, inner = 1, 1
	for i, d := range s {
		switch {
		case i < axis:
			outer *= d
		case i > axis:
			inner *= d
		}
	}
	return outer, inner
}

// number reads the digits of text between two strings, -1 if there are none.
func number(text, before, after string) int {
	rest, ok := strings.CutPrefix(text, before)
	if !ok {
		return -1
	}
	if after != "" {
		if rest, ok = strings.CutSuffix(rest, after); !ok {
			return -1
		}
	}
	n := -1
	if _, err := fmt.Sscanf(rest, "%d", &n); err != nil || fmt.Sprint(n) != rest {
		return -1
	}
	return n
}

// cost counts f operations an element.
func cost(b *bind.Buffer, f int) bind.Cost {
	if b.Rows {
		return bind.Cost{Row: f * b.Width()}
	}
	return bind.Cost{Fixed: f * len(b.Data)}
}
