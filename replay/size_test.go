package replay_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// heap returns the live bytes.
func heap() int {
	var s runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// sized makes an example of its own memory.
func sized(i, dense, logits int) *replay.Example {
	ex := &replay.Example{
		ID: fmt.Sprintf("prediction-%08d", i), Subject: fmt.Sprintf("person-%06d", i), Position: uint64(i) + 1,
		Segment: fmt.Sprintf("shop=%d", i%20), Dense: make([]float32, dense), Target: float32(i % 10), Weight: 1,
	}
	for k := range ex.Dense {
		ex.Dense[k] = float32((i+k)%256) / 255
	}
	if logits > 0 {
		ex.Logits = make([]float32, logits)
	}
	return ex
}

func TestBytesAreThoseOfTheHeap(t *testing.T) {
	const n = 3000
	for _, kind := range replay.Kinds() {
		for _, tc := range []struct {
			name          string
			dense, logits int
			store         replay.Storage
		}{
			{"narrow", 8, 0, replay.Float32},
			{"with logits", 54, 10, replay.Float32},
			{"image", 784, 10, replay.Float32},
			{"image as bytes", 784, 0, replay.Uint8},
		} {
			t.Run(string(kind)+"/"+tc.name, func(t *testing.T) {
				before := heap()
				cfg := replay.Config{Kind: kind, Capacity: n, Store: tc.store}
				m, err := replay.NewJudged(cfg, constantJudge{width: 32})
				require.NoError(t, err)
				r := rng.New(1, "add", 0)
				for i := range 2 * n {
					m.Add(sized(i, tc.dense, tc.logits), r)
				}
				require.Equal(t, n, m.Len())
				took := heap() - before
				require.InEpsilon(t, took, m.Bytes(), 0.1, "Bytes and what the heap grew by")
				runtime.KeepAlive(m)
			})
		}
	}
}

// constantJudge thinks the same of every example.
type constantJudge struct{ width int }

func (j constantJudge) Judge(list []*replay.Example) replay.Opinions {
	o := replay.Opinions{
		Losses: make([]float32, len(list)), Width: j.width, Features: make([]float32, len(list)*j.width),
		Outputs: 1, Residuals: make([]float32, len(list)),
	}
	return o
}

func (j constantJudge) Ahead(list, _ []*replay.Example) []float32 {
	return make([]float32, len(list))
}
