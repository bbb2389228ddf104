package result_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/result"
)

func TestCommittedFiguresFollowBitForBitFromWhatWasMeasured(t *testing.T) {
	files, err := filepath.Glob("../../docs/results/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer func() { _ = f.Close() }()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var run result.Run
			require.NoError(t, json.Unmarshal(lines.Bytes(), &run))
			require.Equal(t, run.Figures, result.Figures(run.Outcome), "%s: %s, seed %d", name, run.Method, run.Seed)
		}
		require.NoError(t, lines.Err())
	}
}
