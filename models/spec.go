package models

import "fmt"

// Task says what a model's outputs mean.
type Task string

const (
	Binary     Task = "binary"     // one logit; output p(1); weighted sigmoid cross-entropy
	Multiclass Task = "multiclass" // one logit a class; output probabilities; weighted softmax cross-entropy
	Regression Task = "regression" // one value; weighted squared error
)

// Bounds of a Spec. A spec may come from a file: it is checked before anything of its
// size is allocated.
const (
	MaxInputs  = 1 << 16 // width of the input after one-hot expansion
	MaxClasses = 1 << 16
	MaxWidth   = 1 << 16 // of a hidden layer
	MaxLayers  = 64
	MaxValues  = 1 << 28 // parameters in all
	MaxBuckets = 1 << 28 // of a categorical feature
	MaxFactors = 1 << 12 // width of an embedding
)

// A Spec names an architecture and everything that its graph depends on. Equal specs
// build equal graphs.
type Spec struct {
	Kind    string `json:"kind" yaml:"kind"` // in the registry: linear, mlp, deepfm, ...
	Task    Task   `json:"task" yaml:"task"`
	Classes int    `json:"classes,omitempty" yaml:"classes"` // multiclass only, at least 2
	Dense   int    `json:"dense" yaml:"dense"`               // width of the dense inputs
	// Categories lists the number of buckets of each categorical feature.
	Categories []int `json:"categories,omitempty" yaml:"categories"`
	// Bags says which runs of Categories are one feature of several values (deepfm,
	// wide_and_deep, sparse_linear).
	Bags []Bag `json:"bags,omitempty" yaml:"bags"`
	// Image says how the first dense inputs are an image, and Conv lists the layers over it (cnn).
	Image *Image `json:"image,omitempty" yaml:"image"`
	Conv  []Conv `json:"conv,omitempty" yaml:"conv"`
	// Hidden lists the widths of the hidden layers (mlp, deepfm, wide_and_deep, cnn).
	Hidden     []int  `json:"hidden,omitempty" yaml:"hidden"`
	Activation string `json:"activation,omitempty" yaml:"activation"` // relu (default), gelu, tanh, sigmoid
	// Init says how weights start; he if absent, and zero for sparse_linear. Zero is for the
	// kinds without hidden layers.
	Init Init `json:"init,omitempty" yaml:"init"`
	// Norm follows each hidden and each convolutional layer, before the activation: none if
	// absent.
	Norm Norm `json:"norm,omitempty" yaml:"norm"`
	// ClassNorm is the length at which the last layer holds the weights of each class, and
	// then it has no bias (mlp and cnn, multiclass only): z_c = ClassNorm ⟨h, w_c⟩/|w_c|. 0:
	// an affine map.
	ClassNorm float64 `json:"class_norm,omitempty" yaml:"class_norm"`
	// Dropout is the probability with which training leaves out an element of a hidden
	// layer's result, or of the last image; at least 0 and below 1.
	Dropout float64 `json:"dropout,omitempty" yaml:"dropout"`
	// Embedding is the width of the vectors that categories are looked up as (deepfm,
	// wide_and_deep).
	Embedding int `json:"embedding,omitempty" yaml:"embedding"`
	// Table is the number of rows of one table that all categorical features share, none
	// with more buckets than that (deepfm, wide_and_deep, sparse_linear). 0: each feature
	// has rows of its own.
	Table int `json:"table,omitempty" yaml:"table"`
	// Splines is the number of columns, between 3 and MaxSplines, in which each dense input is
	// told apart by its size, beside the input itself (linear, mlp, deepfm, wide_and_deep,
	// sparse_linear). 0: none.
	Splines int `json:"splines,omitempty" yaml:"splines"`
}

// Outputs returns the number of columns of a prediction: 1 or Classes.
func (s Spec) Outputs() int {
	if s.Task == Multiclass {
		return s.Classes
	}
	return 1
}

// Inputs returns the width of the input that linear and mlp compute with: the dense
// inputs, followed by their splines and by one column for each bucket of each categorical
// feature (one-hot).
func (s Spec) Inputs() int {
	n := s.numbers()
	for _, c := range s.Categories {
		n += c
	}
	return n
}

// Rows returns the number of rows of the tables that categories are looked up in: Table,
// or one for each bucket of each categorical feature.
func (s Spec) Rows() int {
	if s.Table > 0 {
		return s.Table
	}
	n := 0
	s.fields(func(first int, _ *Bag) { n += s.Categories[first] })
	return n
}

// Validate returns ErrSpec, naming field and rule, unless the spec can be built by
// Default. For a registry with kinds of its own, use Registry.Validate.
func (s Spec) Validate() error { return Default().Validate(s) }

// check holds the rules that do not depend on the kind.
func (s Spec) check() error {
	switch s.Task {
	case Binary, Regression:
		if s.Classes != 0 {
			return specError("classes", "is %d, must be absent for task %s", s.Classes, s.Task)
		}
	case Multiclass:
		if s.Classes < 2 || s.Classes > MaxClasses {
			return specError("classes", "is %d, must be between 2 and %d for task multiclass", s.Classes, MaxClasses)
		}
	default:
		return specError("task", "is %q, must be one of binary, multiclass, regression", s.Task)
	}
	if s.Dense < 0 || s.Dense > MaxInputs {
		return specError("dense", "is %d, must be between 0 and %d", s.Dense, MaxInputs)
	}
	if len(s.Categories) > MaxInputs {
		return specError("categories", "has %d entries, must be at most %d", len(s.Categories), MaxInputs)
	}
	for i, c := range s.Categories {
		if c < 1 || c > MaxBuckets {
			return specError(fmt.Sprintf("categories[%d]", i), "is %d, must be between 1 and %d", c, MaxBuckets)
		}
	}
	if err := s.checkBags(); err != nil {
		return err
	}
	if err := s.checkSplines(); err != nil {
		return err
	}
	if s.Dense+len(s.Categories) == 0 {
		return specError("dense", "is 0, must be at least 1 without categories")
	}
	if len(s.Hidden) > MaxLayers {
		return specError("hidden", "has %d layers, must be at most %d", len(s.Hidden), MaxLayers)
	}
	for i, h := range s.Hidden {
		if h < 1 || h > MaxWidth {
			return specError(fmt.Sprintf("hidden[%d]", i), "is %d, must be between 1 and %d", h, MaxWidth)
		}
	}
	if !s.activation().known() {
		return specError("activation", "is %q, must be one of %s", s.Activation, activations)
	}
	if !s.Init.known() {
		return specError("init", "is %q, must be one of %s", s.Init, inits)
	}
	if s.Norm != NoNorm && s.Norm != LayerNorm {
		return specError("norm", "is %q, must be absent or layer", s.Norm)
	}
	if err := s.checkClassNorm(); err != nil {
		return err
	}
	if !(s.Dropout >= 0 && s.Dropout < 1) {
		return specError("dropout", "is %v, must be at least 0 and below 1", s.Dropout)
	}
	return nil
}

// noLayers holds the rule of the kinds without hidden layers.
func (s Spec) noLayers() error {
	switch {
	case len(s.Hidden) > 0:
		return specError("hidden", "has %d layers, must be absent for kind %s", len(s.Hidden), s.Kind)
	case s.Activation != "":
		return specError("activation", "is %q, must be absent for kind %s", s.Activation, s.Kind)
	case s.Norm != NoNorm:
		return specError("norm", "is %q, must be absent for kind %s", s.Norm, s.Kind)
	case s.Dropout != 0:
		return specError("dropout", "is %v, must be absent for kind %s", s.Dropout, s.Kind)
	}
	if err := s.noClassNorm(); err != nil {
		return err
	}
	return s.noImage()
}

// noImage holds the rule of the kinds that have no convolutional layers.
func (s Spec) noImage() error {
	if s.Image != nil {
		return specError("image", "is set, must be absent for kind %s", s.Kind)
	}
	if s.Conv != nil {
		return specError("conv", "has %d layers, must be absent for kind %s", len(s.Conv), s.Kind)
	}
	return nil
}

// checkOneHot holds the rules of kinds that read categories one-hot.
func (s Spec) checkOneHot() error {
	if len(s.Bags) > 0 {
		return specError("bags", "lists %d features of several values, must be absent for kind %s; use a kind with embeddings", len(s.Bags), s.Kind)
	}
	width := s.numbers()
	for i, c := range s.Categories {
		if c > MaxInputs-width {
			return specError(fmt.Sprintf("categories[%d]", i),
				"widens the one-hot input beyond %d columns; hash into fewer buckets, or use a kind with embeddings", MaxInputs)
		}
		width += c
	}
	if s.Embedding != 0 {
		return specError("embedding", "is %d, must be absent for kind %s", s.Embedding, s.Kind)
	}
	if s.Table != 0 {
		return specError("table", "is %d, must be absent for kind %s", s.Table, s.Kind)
	}
	return nil
}

// checkTables holds the rules of kinds that look categories up.
func (s Spec) checkTables() error {
	if err := s.noClassNorm(); err != nil {
		return err
	}
	if len(s.Categories) == 0 {
		return specError("categories", "is empty, must list at least one for kind %s", s.Kind)
	}
	if s.Embedding < 0 || s.Embedding > MaxFactors {
		return specError("embedding", "is %d, must be between 1 and %d", s.Embedding, MaxFactors)
	}
	if s.Table < 0 || s.Table > MaxBuckets {
		return specError("table", "is %d, must be between 1 and %d", s.Table, MaxBuckets)
	}
	for i, c := range s.Categories {
		if s.Table > 0 && c > s.Table {
			return specError(fmt.Sprintf("categories[%d]", i), "is %d, must be at most the %d rows of the table", c, s.Table)
		}
	}
	return nil
}

func specError(field, rule string, args ...any) error {
	return fmt.Errorf("%w: %s %s", ErrSpec, field, fmt.Sprintf(rule, args...))
}
