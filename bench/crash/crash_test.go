package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/crash/traffic"
)

func newHarnessBook(s setting) *traffic.Book {
	var names []string
	for _, m := range s.config.Models {
		names = append(names, m.Name)
	}
	return traffic.NewBook(names...)
}

// A proof that cannot fail proves nothing: each fault that the harness makes on purpose
// must be found, and by the check that is there for it.
func TestHarnessFindsTheFaultsThatItMakes(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a real learner some dozen times")
	}
	binary := filepath.Join(t.TempDir(), "learner")
	require.NoError(t, build(t.Context(), binary))
	for _, tc := range []struct {
		sabotage string
		status   int
		words    []string
	}{
		{"", 0, []string{"events lost              0\n", "learned twice            0\n", "final state:             equal\n"}},
		{dropRecord, 1, []string{"events lost              1\n", "acknowledged events are not in the log"}},
		{repeatRecord, 1, []string{"ids are in the log twice within the broker's window"}},
		{wrongState, 1, []string{"versions hold another state than the log gives", "final state:             DIFFERENT\n"}},
		{learnTwice, 1, []string{"learned twice            1\n", "counts differ from what the log gives"}},
	} {
		t.Run("sabotage "+tc.sabotage, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			// A fault may by chance be made where it changes nothing, say to a record
			// that repeats another; a sound run has no second chance.
			seeds := []string{"5"}
			if tc.sabotage != "" {
				seeds = []string{"5", "6", "7"}
			}
			// How fast a clean stop is, a machine with other work cannot tell.
			const patience = "1m"
			var out bytes.Buffer
			for _, seed := range seeds {
				out.Reset()
				status := run(t.Context(), []string{"-cycles", "6", "-seed", seed, "-binary", binary, "-sabotage", tc.sabotage, "-stop-within", patience}, &out, t.Output())
				again := strings.Contains(out.String(), "again go run ./bench/crash -cycles 6 -seed "+seed)
				if status == tc.status && again == (status != 0) && !lacks(out.String(), tc.words) {
					return
				}
			}
			require.Fail(t, "the fault was not found by its check", "status must be %d, with %q:\n%s", tc.status, tc.words, out.String())
		})
	}
}

// lacks reports whether a word is missing from a text.
func lacks(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

func TestGeneratedConfigurationSaysTheSameToLearnerAndOracle(t *testing.T) {
	set, err := newSetting(t.TempDir(), 42)
	require.NoError(t, err)
	require.EqualValues(t, 42, set.config.Seed)
	require.Len(t, set.config.Models, 2)
	require.NotEqual(t, set.config.Models[0].Replay.Kind, set.config.Models[1].Replay.Kind)
	clients := clientModels()
	for i, m := range set.config.Models {
		require.Equal(t, clients[i].Name, m.Name)
		require.Equal(t, clients[i].Classes, m.Classes)
		require.Zero(t, m.Signals.Join.Settle, "the oracle knows no settling")
		o := oracleConfig(set.config, m)
		require.True(t, o.Learn)
		require.Len(t, o.Reliability, 10)
		require.Equal(t, m.Signals.Join.Window, o.Window)
		require.Equal(t, m.Batch.Size, o.BatchSize)
		require.Less(t, o.RatingMin, o.RatingMax)
		require.NotZero(t, o.Dwell)
	}
}
