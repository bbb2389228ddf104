package daemon_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

func TestALearnerSaysWhichNumbersAreNotStandardised(t *testing.T) {
	var log bytes.Buffer
	yaml := strings.Replace(oneModel, "features: [{name: x, kind: numeric}]", "features: [{name: x, kind: numeric}, {name: price, kind: numeric, mean: 1, scale: 2}]", 1)
	require.Contains(t, yaml, "price")
	d := start(t, yaml, t.TempDir(), daemon.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for batch := range 11 { // 1,100 examples in all
		d.teach("shop", fmt.Sprint(batch, "-"), 100, func(i int) (map[string]any, int) {
			x, y := lesson(i)
			x["price"] = 500 + 20*(i%2)
			return x, y
		})
	}
	d.learned("shop", 1100)
	d.stop()
	require.Equal(t, 1, strings.Count(log.String(), "not standardised"), log.String())
	require.Contains(t, log.String(), `feature=price examples=1000 declare="mean: 510, scale: 10"`)
}
