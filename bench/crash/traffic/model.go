package traffic

import "math/rand/v2"

// A Model is what the clients know of a model: its features, and the concept that they
// label by.
type Model struct {
	Name    string
	Classes int // 0 for a binary task
	// Numbers, Vector and Words name the features: numbers one by one, one vector,
	// and one category drawn from Categories.
	Numbers    []string
	Vector     string
	Dim        int
	Word       string
	Categories []string
}

// A row is one set of features, with the class that is right for it.
type row struct {
	id       string
	features map[string]any
	class    int
}

// draw makes a row whose class follows from its features, save for noise.
func (m Model) draw(r *rand.Rand, id string) row {
	x := row{id: id, features: map[string]any{}}
	sum := 0.0
	for i, name := range m.Numbers {
		v := r.NormFloat64()
		x.features[name] = v
		sum += v * float64(1+i)
	}
	if m.Vector != "" {
		v := make([]float64, m.Dim)
		for i := range v {
			v[i] = r.Float64()
			sum += v[i] - 0.5
		}
		x.features[m.Vector] = v
	}
	if m.Word != "" {
		i := r.IntN(len(m.Categories))
		x.features[m.Word] = m.Categories[i]
		sum += float64(i%3) - 1
	}
	classes := max(m.Classes, 2)
	x.class = min(classes-1, max(0, int(sum+float64(classes)/2)))
	if r.IntN(10) == 0 {
		x.class = r.IntN(classes)
	}
	return x
}

// guess is an answer that knows nothing.
func (m Model) guess() []float64 {
	if m.Classes == 0 {
		return []float64{0.5}
	}
	out := make([]float64, m.Classes)
	for i := range out {
		out[i] = 1 / float64(m.Classes)
	}
	return out
}

// tensors writes rows as the inputs of an inference request.
func (m Model) tensors(rows []row) []tensor {
	n := len(rows)
	var list []tensor
	for _, name := range m.Numbers {
		list = append(list, tensor{Name: name, Datatype: "FP64", Shape: []int{n}, Data: column(rows, name)})
	}
	if m.Vector != "" {
		list = append(list, tensor{Name: m.Vector, Datatype: "FP64", Shape: []int{n, m.Dim}, Data: column(rows, m.Vector)})
	}
	if m.Word != "" {
		list = append(list, tensor{Name: m.Word, Datatype: "BYTES", Shape: []int{n}, Data: column(rows, m.Word)})
	}
	return list
}

func column(rows []row, name string) []any {
	out := make([]any, len(rows))
	for i, x := range rows {
		out[i] = x.features[name]
	}
	return out
}

// A tensor is one input of the Open Inference Protocol.
type tensor struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
	Data     []any  `json:"data"`
}
