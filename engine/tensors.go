package engine

import (
	"fmt"
	"strings"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
	"github.com/perennial-ml/perennial/optim"
)

// tensorParts returns tensors as parts: one of that name, and of large tensors one for
// each chunk.
func tensorParts(name string, f *models.Frozen, more ...safetensors.Tensor) []Part {
	pieces := safetensors.Pieces(f, more...)
	parts := make([]Part, len(pieces))
	for i, p := range pieces {
		parts[i] = Part{Name: name + p.Suffix, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal}
	}
	return parts
}

// joinTensors reads what tensorParts wrote.
func joinTensors(read func(string) ([]byte, error), name string) (*models.Frozen, []safetensors.Tensor, error) {
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

// readTensors reads parameters.
func readTensors(read func(string) ([]byte, error), name string) (*models.Frozen, error) {
	f, more, err := joinTensors(read, name)
	if err == nil && len(more) > 0 {
		err = fmt.Errorf("tensor %q is %s, parameters are F32", more[0].Name, more[0].DType)
	}
	return f, err
}

// readWeights reads tensors that must have the names and shapes of like.
func readWeights(read func(string) ([]byte, error), name string, like models.Params) (*models.Frozen, error) {
	f, err := readTensors(read, name)
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

func counterTensors(counters []optim.Counter) []safetensors.Tensor {
	out := make([]safetensors.Tensor, len(counters))
	for i, c := range counters {
		out[i] = safetensors.Tensor{Name: counterPrefix + c.Name, DType: safetensors.U64, U64: []uint64{c.Value}}
	}
	return out
}

func (a *arm) restoreOptimizer(read func(string) ([]byte, error), name string) error {
	f, more, err := joinTensors(read, name)
	if err != nil {
		return err
	}
	state := optim.State{Tensors: f.Params()}
	for _, t := range more {
		name, ok := strings.CutPrefix(t.Name, counterPrefix)
		if !ok || t.DType != safetensors.U64 || len(t.U64) != 1 {
			return fmt.Errorf("tensor %q is neither a moment nor a counter", t.Name)
		}
		state.Counters = append(state.Counters, optim.Counter{Name: name, Value: t.U64[0]})
	}
	return a.step.Restore(state)
}
