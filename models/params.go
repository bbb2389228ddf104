package models

// A Param is one named tensor of float32 in row-major order.
type Param struct {
	Name  string
	Shape []int
	Data  []float32
}

// Params lists a model's tensors in the order that its architecture declares.
// Gradients, steps and optimizer moments use the same order and shapes.
type Params []Param
