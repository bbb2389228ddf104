package part

import (
	"fmt"
	"strings"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
	"github.com/perennial-ml/perennial/optim"
)

// Tensors returns parameters as parts: one of that name, and of large tensors one for
// each chunk.
func Tensors(name string, f *models.Frozen) []Part { return tensors(name, f, nil) }

// Optimizer returns an optimizer's state as parts, as Tensors does.
func Optimizer(name string, st optim.Frozen) []Part {
	counters := make([]safetensors.Tensor, len(st.Counters))
	for i, c := range st.Counters {
		counters[i] = safetensors.Tensor{Name: counterPrefix + c.Name, DType: safetensors.U64, U64: []uint64{c.Value}}
	}
	return tensors(name, st.Tensors, counters)
}

func tensors(name string, f *models.Frozen, more []safetensors.Tensor) []Part {
	pieces := safetensors.Pieces(f, more...)
	parts := make([]Part, len(pieces))
	for i, p := range pieces {
		parts[i] = Part{Name: name + p.Suffix, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal}
	}
	return parts
}

// Tensors reads parameters that Tensors wrote.
func (read Reader) Tensors(name string) (*models.Frozen, error) {
	f, more, err := read.join(name)
	if err == nil && len(more) > 0 {
		err = fmt.Errorf("tensor %q is %s, parameters are F32", more[0].Name, more[0].DType)
	}
	return f, err
}

// Weights reads tensors that must have the names and shapes of like.
func (read Reader) Weights(name string, like models.Params) (*models.Frozen, error) {
	f, err := read.Tensors(name)
	if err == nil {
		err = f.Fits(like)
	}
	if err != nil {
		return nil, fmt.Errorf("restore %s: %w", name, err)
	}
	return f, nil
}

// counterPrefix begins the names of an optimizer's counters, tensors of one 64-bit
// element. No moment has such a name.
const counterPrefix = "counter:"

// Optimizer reads what Optimizer wrote.
func (read Reader) Optimizer(name string) (optim.State, error) {
	f, more, err := read.join(name)
	if err != nil {
		return optim.State{}, err
	}
	state := optim.State{Tensors: f.Params()}
	for _, t := range more {
		name, ok := strings.CutPrefix(t.Name, counterPrefix)
		if !ok || t.DType != safetensors.U64 || len(t.U64) != 1 {
			return optim.State{}, fmt.Errorf("tensor %q is neither a moment nor a counter", t.Name)
		}
		state.Counters = append(state.Counters, optim.Counter{Name: name, Value: t.U64[0]})
	}
	return state, nil
}

// join reads the head of tensors and their chunks.
func (read Reader) join(name string) (*models.Frozen, []safetensors.Tensor, error) {
	head, err := read(name)
	if err != nil {
		return nil, nil, err
	}
	return safetensors.Join(head, func(tensor, chunk int) (*models.Chunk, error) {
		data, err := read(name + safetensors.Suffix(tensor, chunk))
		if err != nil {
			return nil, err
		}
		return safetensors.DecodeChunk(data)
	})
}
