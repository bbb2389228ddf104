package kernel

// An Act is an activation function.
type Act uint8

// The activations. GELU is the form with tanh (Hendrycks and Gimpel, "Gaussian error
// linear units", 2016), written as x sigmoid(2u), u = sqrt(2/π) (x + 0.044715 x³).
const (
	Identity Act = iota
	ReLU
	Tanh
	Sigmoid
	GELU
)

type unaryOp uint8

const (
	opReLU unaryOp = iota
	opTanh
	opSigmoid
	opGELU
	opExp
	opLog
	opSqrt
	opAbs
	opSoftplus
	unaryCount
)

type binaryOp uint8

const (
	opAdd binaryOp = iota
	opSub
	opMul
	opDiv
	opMulAdd
	opReLUGrad
	opTanhGrad
	opSigmoidGrad
	opGELUGrad
	binaryCount
)

type scalarOp uint8

const (
	opScale scalarOp = iota
	opShift
	opAxpy
	opFloor
	opCeil
	scalarCount
)

// In what follows dst has n elements and so has, at least, every operand. dst is an
// operand's own memory or does not overlap it.

// Add computes dst = a + b.
func (s *Set) Add(dst, a, b []float32) { s.binary(opAdd, dst, a, b) }

// Sub computes dst = a - b.
func (s *Set) Sub(dst, a, b []float32) {
	if len(dst) == 1 { // as the logits of a single example may be
		dst[0] = a[0] - b[0]
		return
	}
	s.binary(opSub, dst, a, b)
}

// Mul computes dst = a b.
func (s *Set) Mul(dst, a, b []float32) { s.binary(opMul, dst, a, b) }

// Div computes dst = a / b.
func (s *Set) Div(dst, a, b []float32) { s.binary(opDiv, dst, a, b) }

// MulAdd computes dst += a b, fused.
func (s *Set) MulAdd(dst, a, b []float32) { s.binary(opMulAdd, dst, a, b) }

// Scale computes dst = x a for a scalar x.
func (s *Set) Scale(dst, a []float32, x float32) { s.scalar(opScale, dst, a, x) }

// AddScalar computes dst = a + x for a scalar x.
func (s *Set) AddScalar(dst, a []float32, x float32) { s.scalar(opShift, dst, a, x) }

// Axpy computes dst += x a for a scalar x, fused.
func (s *Set) Axpy(dst, a []float32, x float32) { s.scalar(opAxpy, dst, a, x) }

// AtLeast computes dst = x where x > a, else a: the larger, and a NaN in a stays.
func (s *Set) AtLeast(dst, a []float32, x float32) { s.scalar(opFloor, dst, a, x) }

// AtMost computes dst = x where x < a, else a: the smaller, and a NaN in a stays.
func (s *Set) AtMost(dst, a []float32, x float32) { s.scalar(opCeil, dst, a, x) }

// Exp computes dst = exp(a).
func (s *Set) Exp(dst, a []float32) { s.unary(opExp, dst, a) }

// Log computes dst = log(a): NaN below 0, -Inf at 0.
func (s *Set) Log(dst, a []float32) { s.unary(opLog, dst, a) }

// Sqrt computes dst = sqrt(a), correctly rounded.
func (s *Set) Sqrt(dst, a []float32) { s.unary(opSqrt, dst, a) }

// Abs computes dst = |a|.
func (s *Set) Abs(dst, a []float32) { s.unary(opAbs, dst, a) }

// Softplus computes dst = log(1 + exp(a)) without overflow.
func (s *Set) Softplus(dst, a []float32) { s.unary(opSoftplus, dst, a) }

// Apply computes dst = act(a).
func (s *Set) Apply(dst, a []float32, act Act) {
	switch act {
	case ReLU:
		s.unary(opReLU, dst, a)
	case Tanh:
		s.unary(opTanh, dst, a)
	case Sigmoid:
		s.unary(opSigmoid, dst, a)
	case GELU:
		s.unary(opGELU, dst, a)
	default:
		copy(dst, a[:len(dst)])
	}
}

// Slope computes dst = dy act'(z). For ReLU, Tanh and Sigmoid y is act(z), for GELU y is
// z itself. The slope of ReLU is 1 where y > 0, else 0; a dy that is not finite there
// does not come through.
func (s *Set) Slope(dst, dy, y []float32, act Act) {
	switch act {
	case ReLU:
		s.binary(opReLUGrad, dst, dy, y)
	case Tanh:
		s.binary(opTanhGrad, dst, dy, y)
	case Sigmoid:
		s.binary(opSigmoidGrad, dst, dy, y)
	case GELU:
		s.binary(opGELUGrad, dst, dy, y)
	default:
		copy(dst, dy[:len(dst)])
	}
}

func (s *Set) unary(op unaryOp, dst, a []float32) {
	if n := len(dst); n > 0 {
		_ = a[n-1]
		s.f.unary[op](&dst[0], &a[0], n)
	}
}

func (s *Set) binary(op binaryOp, dst, a, b []float32) {
	if n := len(dst); n > 0 {
		_, _ = a[n-1], b[n-1]
		s.f.binary[op](&dst[0], &a[0], &b[0], n)
	}
}

func (s *Set) scalar(op scalarOp, dst, a []float32, x float32) {
	if n := len(dst); n > 0 {
		_ = a[n-1]
		s.f.scalar[op](&dst[0], &a[0], x, n)
	}
}
