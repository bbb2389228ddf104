package part_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// store keeps parts by name, and reads them.
func store(parts ...part.Part) (part.Reader, error) {
	kept := map[string][]byte{}
	for _, p := range parts {
		var buf bytes.Buffer
		if err := p.Write(&buf); err != nil {
			return nil, err
		}
		kept[p.Name] = buf.Bytes()
	}
	return func(name string) ([]byte, error) {
		data, ok := kept[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, errMissing)
		}
		return data, nil
	}, nil
}

var errMissing = errors.New("no such part")

func stored(t *testing.T, parts ...part.Part) part.Reader {
	read, err := store(parts...)
	require.NoError(t, err)
	return read
}

func Example() {
	type document struct {
		Position uint64 `cbor:"position"`
	}
	read, err := store(part.CBOR("engine", document{Position: 7}))
	if err != nil {
		fmt.Println(err)
		return
	}
	var doc document
	fmt.Println(read.CBOR("engine", &doc), doc.Position)
	fmt.Println(read.CBOR("metrics", &doc))
	// Output:
	// <nil> 7
	// metrics: no such part
}

// weights are large enough for several chunks.
func weights() models.Params {
	p := models.Params{models.NewParam("w", 700, 500), models.NewParam("b", 3)}
	for _, t := range p {
		for i := range t.Data {
			t.Data[i] = float32(i)
		}
	}
	return p
}

func TestWeightsComeBackFromTheirChunks(t *testing.T) {
	parts := part.Tensors("weights", weights().Freeze())
	require.Greater(t, len(parts), 1)
	read := stored(t, parts...)
	f, err := read.Weights("weights", weights())
	require.NoError(t, err)
	require.True(t, weights().Equal(f.Params()))

	_, err = read.Weights("weights", weights()[:1])
	require.ErrorContains(t, err, "restore weights")
	require.ErrorIs(t, err, models.ErrParams)
}

func TestAnOptimizersCountersAreNoWeights(t *testing.T) {
	params := models.Params{models.NewParam("w", 2)}
	step, err := optim.New([]optim.Config{{AdamW: &optim.AdamW{LearningRate: 0.1}}}, params)
	require.NoError(t, err)
	grads := models.Params{models.NewParam("w", 2)}
	grads[0].Data[0] = 1
	require.NoError(t, step.Step(grads, params))

	read := stored(t, part.Optimizer("optimizer", step.Freeze())...)
	st, err := read.Optimizer("optimizer")
	require.NoError(t, err)
	require.NotEmpty(t, st.Counters)
	require.Equal(t, step.State().Counters, st.Counters)
	require.True(t, step.State().Tensors.Equal(st.Tensors))

	_, err = read.Tensors("optimizer")
	require.ErrorContains(t, err, "parameters are F32")
}

func TestAMemorysExamplesAreHeldToTheCheck(t *testing.T) {
	m := memory(t)
	for i := range 5 {
		m.Add(&replay.Example{ID: fmt.Sprint("e", i), Dense: []float32{float32(i)}, Weight: 1}, rand.New(rand.NewPCG(1, 2)))
	}
	read := stored(t, part.Memory("replay", m)...)
	again := memory(t)
	require.NoError(t, read.Memory("replay", again, func(*replay.Example) error { return nil }))
	require.Equal(t, m.Len(), again.Len())

	err := read.Memory("replay", memory(t), func(ex *replay.Example) error {
		if ex.ID == "e3" {
			return fmt.Errorf("example %s is too narrow", ex.ID)
		}
		return nil
	})
	require.ErrorContains(t, err, "restore replay: example e3 is too narrow")
	require.ErrorIs(t, read.Memory("phase", memory(t), nil), errMissing)
}

func memory(t *testing.T) replay.Memory {
	m, err := replay.New(replay.Config{Kind: replay.Reservoir, Capacity: 8})
	require.NoError(t, err)
	return m
}
