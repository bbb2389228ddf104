package config

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBytesReadsWhatItWritesAndRefusesTheRest(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "512": 512, "1B": 1, "64KiB": 64 << 10, "1.5 MiB": 3 << 19, "2GiB": 2 << 30, "1TiB": 1 << 40,
		"1kB": 1000, "3MB": 3e6, "1GB": 1e9, "9223372036854775807": math.MaxInt64,
	} {
		got, err := ParseBytes(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		back, err := ParseBytes(got.String())
		require.NoError(t, err, got.String())
		require.Equal(t, got, back)
	}
	for _, text := range []string{
		"", "B", "KiB", "-1", "-1KiB", "+1KiB", "1e3KiB", "0x10KiB", "1_0KiB", "0.3B", "1.0001KiB", "NaN", "InfMiB",
		"8388608TiB", "9223372036854775808", "4 Mib", "1PiB",
	} {
		_, err := ParseBytes(text)
		require.Error(t, err, text)
	}
}

func TestDurationsMayCountDaysAndNeverOverflow(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"50ms": 50 * time.Millisecond, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "-1d": -24 * time.Hour,
		"-1d12h": -36 * time.Hour, "106751d": 106751 * 24 * time.Hour, "-0d1h": -time.Hour,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "5", "1d-1h", "1d+1h", "1.5d", "106752d", "106751d24h", "1d1d", "99999999999999999999d", "1dd"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
	for want, d := range map[string]time.Duration{
		"24h": 24 * time.Hour, "1m": time.Minute, "1h30m": 90 * time.Minute, "0s": 0, "10s": 10 * time.Second, "50ms": 50 * time.Millisecond, "1h0m5s": time.Hour + 5*time.Second,
	} {
		require.Equal(t, want, formatDuration(d))
	}
}

func TestSuggestionsAreNearOrNone(t *testing.T) {
	known := []string{"batch", "replay", "rehearsal", "segment", "seen"}
	require.Equal(t, "is not a known key; did you mean batch?", unknown("bacth", known))
	require.Equal(t, "is not a known key; did you mean replay?", unknown("Replay", known))
	require.Equal(t, "is not a known key; did you mean segment?", unknown("segments", known))
	require.Equal(t, "is not a known key; known are batch, rehearsal, replay, seen, segment", unknown("xyzzy", known))
	require.Equal(t, 1, edits("ab", "ba"))
	require.Equal(t, 3, edits("kitten", "sitting"))
}
