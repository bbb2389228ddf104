package daemon_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
	"github.com/perennial-ml/perennial/compute"
)

// What one family of kernels began, another goes on with; each comes to the same state.
func TestTheFamilyOfKernelsMayChangeWithEachStart(t *testing.T) {
	folder := t.TempDir()
	by := func(family string) string {
		return fmt.Sprintf("compute: {kernels: %s, threads: 2}\n", family) + oneModel
	}
	families := append(compute.Families(), compute.Auto)
	require.Greater(t, len(families), 1)
	for i, family := range families {
		d := start(t, by(family), folder, daemon.Options{})
		d.teach("shop", fmt.Sprint(family, "-"), 60, lesson)
		d.learned("shop", uint64(60*(i+1)))
		d.predict(3)
		d.stop()
	}
	states := map[string]bool{}
	for _, family := range families {
		recovered, whole := hashes(t, by(family), folder)
		states[recovered], states[whole] = true, true
	}
	require.Len(t, states, 1)
}

func TestAFamilyThatTheMachineLacksIsRefusedByName(t *testing.T) {
	for _, family := range []string{"avx512", "avx2"} {
		if slices.Contains(compute.Families(), family) {
			continue
		}
		err := refuses(t, "compute: {kernels: "+family+"}\n"+oneModel, t.TempDir())
		require.ErrorContains(t, err, "compute.kernels: this machine has no "+family)
		require.ErrorContains(t, err, "portable")
	}
}
