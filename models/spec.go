package models

// Task says what a model's outputs mean.
type Task string

const (
	Binary     Task = "binary"     // one logit; output p(1); weighted sigmoid cross-entropy
	Multiclass Task = "multiclass" // one logit a class; output probabilities; weighted softmax cross-entropy
	Regression Task = "regression" // one value; weighted squared error
)

// A Spec names an architecture and everything that its graph depends on. Equal specs
// build equal graphs.
type Spec struct {
	Kind       string `json:"kind"` // in the registry: linear, mlp
	Task       Task   `json:"task"`
	Classes    int    `json:"classes,omitempty"` // multiclass only, at least 2
	Dense      int    `json:"dense"`             // width of the dense inputs
	Categories []int  `json:"categories,omitempty"`
	// Hidden lists the widths of the hidden layers (mlp).
	Hidden     []int  `json:"hidden,omitempty"`
	Activation string `json:"activation,omitempty"` // relu (default), tanh
}

// Outputs returns the number of columns of a prediction: 1 or Classes.
func (s Spec) Outputs() int {
	if s.Task == Multiclass {
		return s.Classes
	}
	return 1
}
