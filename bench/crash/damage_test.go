package main

import (
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/engine"
)

// storeOf writes versions of the first model whose blobs differ, save for one.
func storeOf(t *testing.T, s setting, versions ...checkpoint.Version) {
	t.Helper()
	store, err := machine.OpenStore(s.config, s.config.Models[0], nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	text := func(name, v string) checkpoint.Blob {
		return checkpoint.Blob{Name: name, MediaType: "text/plain", Write: func(w io.Writer) error {
			_, err := io.WriteString(w, v)
			return err
		}}
	}
	for _, v := range versions {
		_, err := store.Write(t.Context(), checkpoint.Manifest{Version: v, Model: s.config.Models[0].Name},
			[]checkpoint.Blob{text(engine.PartEngine, "state "+v.String()), text("same", "of all")})
		require.NoError(t, err)
	}
	require.NoError(t, store.Close())
}

func whole(t *testing.T, s setting, v checkpoint.Version) error {
	t.Helper()
	store, err := machine.OpenStoreReader(s.config, s.config.Models[0], slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer store.Close()
	saved, err := store.Get(v)
	if err != nil {
		return err
	}
	defer saved.Close()
	return saved.Verify(t.Context(), nil)
}

func TestDamageBreaksTheNewestVersionAndNoOther(t *testing.T) {
	done := map[string]bool{}
	for seed := range uint64(30) {
		set, err := newSetting(t.TempDir(), 1)
		require.NoError(t, err)
		set.config.Models = set.config.Models[:1]
		storeOf(t, set, 3, 7)
		s := newSightings(set, slog.New(slog.DiscardHandler), seed)
		what, err := s.damage()
		require.NoError(t, err)
		done[what] = true
		require.NoError(t, whole(t, set, 3), what)
		if what == "flipped byte in the index" {
			continue // it falls back by itself
		}
		require.ErrorIs(t, whole(t, set, 7), checkpoint.ErrCorrupt, what)
		require.True(t, s.broken(set.config.Models[0].Name, 7))
	}
	require.Len(t, done, 4)
}

func TestDamageSparesWhatThereIsNothingToFallBackTo(t *testing.T) {
	set, err := newSetting(t.TempDir(), 1)
	require.NoError(t, err)
	set.config.Models = set.config.Models[:1]
	s := newSightings(set, slog.New(slog.DiscardHandler), 1)
	for _, versions := range [][]checkpoint.Version{nil, {3}} {
		storeOf(t, set, versions...)
		what, err := s.damage()
		require.NoError(t, err)
		require.Empty(t, what)
	}
}

func TestARestoredDamagedVersionIsAViolation(t *testing.T) {
	for _, tc := range []struct {
		name       string
		restored   uint64
		violations int
		fell       int
	}{
		{"fell back", 3, 0, 1},
		{"from the start", 0, 0, 1},
		{"restored damage", 7, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, err := newSetting(t.TempDir(), 1)
			require.NoError(t, err)
			s := newSightings(set, slog.New(slog.DiscardHandler), 1)
			s.await["clicks"] = 7
			l := &life{resumed: map[string]uint64{"clicks": tc.restored}}
			r := newReport(options{})
			s.check(l, r)
			require.Len(t, r.violations, tc.violations)
			require.Equal(t, tc.fell, s.fell)
			s.check(l, r)
			require.Equal(t, tc.fell, s.fell, "only the first start after the damage counts")
		})
	}
}

func TestOneVersionWithTwoStatesIsAViolation(t *testing.T) {
	set, err := newSetting(t.TempDir(), 1)
	require.NoError(t, err)
	s := newSightings(set, slog.New(slog.DiscardHandler), 1)
	r := newReport(options{})
	s.note("clicks", 5, "a", r, "a version")
	s.note("clicks", 5, "a", r, "a version")
	s.note("topics", 5, "b", r, "a version")
	require.Empty(t, r.violations)
	s.note("clicks", 5, "b", r, "a version")
	require.Len(t, r.violations, 1)
}

func TestComparedVersionsHoldAllThatAreLeftAndTheNewest(t *testing.T) {
	hashes := map[uint64]string{}
	for v := range uint64(3 * maxCompared) {
		hashes[v+1] = "h"
	}
	chosen := choose(hashes, []uint64{2, 3}, 1)
	require.IsIncreasing(t, chosen)
	require.Subset(t, chosen, []uint64{2, 3, 3 * maxCompared})
	require.InDelta(t, maxCompared, len(chosen), 3)
}

func TestALifesLogTellsWhatItRestored(t *testing.T) {
	l := &life{resumed: map[string]uint64{}}
	for _, line := range []string{
		`{"msg":"version is damaged; falling back to the one before","model":"clicks","version":7}`,
		`{"msg":"restored","model":"clicks","version":3}`,
		`not JSON`,
	} {
		l.note(line)
	}
	restored := l.restored()
	require.Equal(t, map[string]uint64{"clicks": 3}, restored)
	require.Contains(t, l.lastWords(), "not JSON")
}
