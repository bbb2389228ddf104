package checkpoint_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
)

// BenchmarkWrite writes a version whose weights changed beside 16 MB of replay
// memory that did not, whose digest the caller knows or not.
func BenchmarkWrite(b *testing.B) {
	for _, megabytes := range []int{1, 50} {
		for _, known := range []bool{false, true} {
			b.Run(fmt.Sprintf("weights=%dMB/digest_known=%t", megabytes, known), func(b *testing.B) {
				s := open(b, b.TempDir(), checkpoint.Config{})
				r := rand.New(rand.NewPCG(1, 2))
				params := models.Params{{Name: "w", Shape: []int{megabytes << 18}, Data: make([]float32, megabytes<<18)}}
				for i := range params[0].Data {
					params[0].Data[i] = r.Float32()
				}
				blobs := []checkpoint.Blob{checkpoint.Weights(params), blob("replay", bytes.Repeat([]byte("remembered example"), 16<<20/18))}
				b.SetBytes(int64(megabytes) << 20)
				b.ReportAllocs()
				v := checkpoint.Version(0)
				for b.Loop() {
					v++
					params[0].Data[int(v)%len(params[0].Data)]++
					m, err := s.Write(context.Background(), manifest(v), blobs)
					require.NoError(b, err)
					if known {
						blobs[1].Digest = m.Blobs[1].Digest
					}
					_, err = s.Retain(context.Background())
					require.NoError(b, err)
				}
			})
		}
	}
}
