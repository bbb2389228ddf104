package replay_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/replay"
)

var errNoPage = errors.New("no such page")

// pieces writes a state's pieces, by suffix.
func pieces(t testing.TB, s replay.State) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, p := range s.Pieces() {
		var b bytes.Buffer
		require.NoError(t, p.Write(&b))
		require.NotContains(t, out, p.Suffix)
		out[p.Suffix] = b.Bytes()
	}
	return out
}

func join(raw map[string][]byte) (replay.State, error) {
	return replay.Join(raw[""], func(i int) ([]byte, error) {
		data, ok := raw[replay.PageSuffix(i)]
		if !ok {
			return nil, fmt.Errorf("%w: %d", errNoPage, i)
		}
		return data, nil
	})
}

// many is the number of examples of a memory of several pages.
const many = 20_000

func TestALargeMemoryIsRestoredFromItsPages(t *testing.T) {
	for _, kind := range replay.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			cfg := replay.Config{Kind: kind, Capacity: many}
			m := filled(t, cfg, many+500)
			if m.Len() <= 1<<14 {
				t.Skipf("holds %d examples of %d", m.Len(), many+500)
			}
			raw := pieces(t, m.Snapshot())
			require.Greater(t, len(raw), 16)
			state, err := join(raw)
			require.NoError(t, err)
			again := newMemory(t, cfg)
			require.NoError(t, again.Restore(state))
			require.Equal(t, encode(t, m.Snapshot()), encode(t, again.Snapshot()))
			require.Equal(t, raw, pieces(t, again.Snapshot()), "one encoding, whoever wrote it")

			r1, r2 := rand.New(rand.NewPCG(3, 4)), rand.New(rand.NewPCG(3, 4))
			for i := range 300 {
				ex := &replay.Example{ID: fmt.Sprint("later", i), Position: uint64(i), Dense: []float32{1}, Weight: 1}
				m.Add(ex, r1)
				again.Add(ex, r2)
			}
			require.Equal(t, pieces(t, m.Snapshot()), pieces(t, again.Snapshot()))
		})
	}
}

// Pages that hold what they held must be the same blob, known by its digest; a page of
// which a slot changed must not.
func TestOnlyPagesThatChangedAreWrittenAgain(t *testing.T) {
	cfg := replay.Config{Capacity: many}
	m := filled(t, cfg, many)
	before := m.Snapshot()
	pieces(t, before)
	unsealed := func() (suffixes []string) {
		for _, p := range m.Snapshot().Pieces() {
			if p.Seal == nil || p.Seal.Digest() == "" {
				suffixes = append(suffixes, p.Suffix)
			}
			require.NoError(t, p.Write(&bytes.Buffer{}))
		}
		return suffixes
	}
	require.Equal(t, []string{""}, unsealed(), "nothing changed but what the head says")

	var first *replay.Example
	m.Remove(func(ex *replay.Example) bool { // in slots from the last to the first
		first = ex
		return false
	})
	again := *first
	again.Weight = 7
	require.True(t, m.Replace(&again))
	require.Equal(t, []string{"", ".0"}, unsealed())
	require.True(t, m.RemoveID(first.ID), "the last example takes its slot")
	require.Equal(t, []string{"", ".0", ".19"}, unsealed())
	require.Equal(t, []string{""}, unsealed())

	state, err := join(pieces(t, before))
	require.NoError(t, err)
	old := newMemory(t, cfg)
	require.NoError(t, old.Restore(state))
	require.Equal(t, encode(t, before), encode(t, old.Snapshot()), "a snapshot stays as it was")
	require.NotEqual(t, encode(t, before), encode(t, m.Snapshot()))
}

// Random adds, replacements and removals, with snapshots at any time: what a snapshot
// shares must never hide a change.
func TestPagesNeverHideAChange(t *testing.T) {
	for _, kind := range []replay.Kind{replay.Reservoir, replay.Stratified, replay.RecencyMixed} {
		cfg := replay.Config{Kind: kind, Capacity: 3000}
		m := filled(t, cfg, 2900)
		r := rand.New(rand.NewPCG(5, 6))
		for i := range 600 {
			switch r.IntN(4) {
			case 0, 1:
				m.Add(&replay.Example{ID: fmt.Sprint("x", i), Segment: fmt.Sprint("k=", i%3), Weight: 1}, r)
			case 2:
				drawn := m.Draw(nil, 1, r)
				again := *drawn[0]
				again.Weight++
				m.Replace(&again)
			case 3:
				m.RemoveID(m.Draw(nil, 1, r)[0].ID)
			}
			if r.IntN(20) > 0 {
				continue
			}
			got := encode(t, m.Snapshot())
			state, err := replay.Read(got)
			require.NoError(t, err)
			fresh := newMemory(t, cfg)
			require.NoError(t, fresh.Restore(state))
			// Every example that the memory holds, as it holds it.
			held := map[string]float32{}
			m.Remove(func(ex *replay.Example) bool { held[ex.ID] = ex.Weight; return false })
			copied := map[string]float32{}
			fresh.Remove(func(ex *replay.Example) bool { copied[ex.ID] = ex.Weight; return false })
			require.Equal(t, held, copied)
		}
	}
}

func TestJoinRefusesDamage(t *testing.T) {
	good := pieces(t, filled(t, replay.Config{Capacity: many}, many).Snapshot())
	head := len(good[""])
	for _, tc := range []struct {
		name   string
		damage func(raw map[string][]byte)
		want   error
	}{
		{"a page is missing", func(raw map[string][]byte) { delete(raw, ".7") }, errNoPage},
		{"a page is short", func(raw map[string][]byte) { raw[".7"] = raw[".7"][:len(raw[".7"])-1] }, replay.ErrCorrupt},
		{"a page is long", func(raw map[string][]byte) { raw[".7"] = append(raw[".7"], 0) }, replay.ErrCorrupt},
		{"a page twice", func(raw map[string][]byte) { raw[".7"] = raw[".8"] }, replay.ErrCorrupt},
		{"an empty page", func(raw map[string][]byte) { raw[".7"] = nil }, replay.ErrCorrupt},
		{"a head that goes on", func(raw map[string][]byte) { raw[""] = append(raw[""], 0) }, replay.ErrCorrupt},
		{"a head that ends early", func(raw map[string][]byte) { raw[""] = raw[""][:head-1] }, replay.ErrCorrupt},
		{"a page of more than there are", func(raw map[string][]byte) { raw[""][head-1] = 0xff }, replay.ErrCorrupt},
		{"a page of none", func(raw map[string][]byte) { clear(raw[""][head-4:]) }, replay.ErrCorrupt},
		{"another format", func(raw map[string][]byte) { raw[""][8] = 9 }, replay.ErrFormat},
	} {
		raw := map[string][]byte{}
		for name, data := range good {
			raw[name] = bytes.Clone(data)
		}
		tc.damage(raw)
		_, err := join(raw)
		require.ErrorIs(t, err, tc.want, tc.name)
	}
}

// FuzzJoin gives every page the same bytes.
func FuzzJoin(f *testing.F) {
	raw := pieces(f, filled(f, replay.Config{Capacity: many}, many).Snapshot())
	f.Add(raw[""], raw[".0"][:0])
	f.Add(encode(f, filled(f, replay.Config{Capacity: 5}, 9).Snapshot()), []byte{})
	f.Add(raw[""], raw[".19"])
	f.Fuzz(func(t *testing.T, head, page []byte) {
		s, err := replay.Join(head, func(int) ([]byte, error) { return page, nil })
		if err == nil && s.Len() > 0 && len(encode(t, s)) == 0 {
			t.Fatal("a state without bytes")
		}
	})
}
