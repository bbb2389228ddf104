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

// BenchmarkWrite writes a version whose weights changed, all of them or one row, beside
// 16 MB of replay memory that did not.
func BenchmarkWrite(b *testing.B) {
	for _, megabytes := range []int{1, 50} {
		for _, rows := range []string{"all", "1"} {
			b.Run(fmt.Sprintf("weights=%dMB/rows=%s", megabytes, rows), func(b *testing.B) {
				s := open(b, b.TempDir(), checkpoint.Config{})
				r := rand.New(rand.NewPCG(1, 2))
				params := models.Params{models.NewParam("w", megabytes<<14, 16)}
				for i := range params[0].Data {
					params[0].Data[i] = r.Float32()
				}
				dirty := models.NewDirty(params)
				var frozen *models.Frozen
				replay := blob("replay", bytes.Repeat([]byte("remembered example"), 16<<20/18))
				b.SetBytes(int64(megabytes) << 20)
				b.ReportAllocs()
				v := checkpoint.Version(0)
				for b.Loop() {
					v++
					row := int(v) % params[0].Shape[0]
					params[0].Data[row*16]++
					if dirty.MarkRow(0, row); rows == "all" {
						dirty.MarkAll()
					}
					frozen = dirty.Freeze(params, frozen)
					m, err := s.Write(context.Background(), manifest(v), append(checkpoint.Weights(frozen), replay))
					require.NoError(b, err)
					replay.Digest = m.Blobs[len(m.Blobs)-1].Digest
					_, err = s.Retain(context.Background())
					require.NoError(b, err)
				}
			})
		}
	}
}
