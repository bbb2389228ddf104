package config

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse holds Parse to its promise: a configuration that is whole, or errors
// that each name a rule, and never a panic.
func FuzzParse(f *testing.F) {
	f.Add(Starter())
	f.Add([]byte(minimal))
	for _, lines := range []string{
		"batch: {size: 0}", "segment: &a b", "optimizer:\n- sgd:\n- clip:", "signals: {reliability: {label: 2}}",
		"checkpoint: ~", "replay: |\n  x", "? a\n: b", "'x': \"y\"", "batch: {<<: *a}", "model: {hidden: [1e9]}",
	} {
		f.Add([]byte(with(lines)))
	}
	rules, err := newRuler()
	require.NoError(f, err)
	nothing := func(string) string { return "" }
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseBy(rules, "f", data, nothing)
		if err != nil {
			var all Errors
			require.True(t, errors.As(err, &all), "%v", err)
			require.NotEmpty(t, all)
			for _, e := range all {
				require.NotEmpty(t, e.Rule)
			}
			return
		}
		for _, m := range c.Models {
			e, err := m.Engine(c.Seed)
			require.NoError(t, err)
			require.NoError(t, e.Validate())
			_, err = c.Digest(m.Name)
			require.NoError(t, err)
		}
	})
}
