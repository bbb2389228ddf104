package replay_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
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
	return replay.Join(raw[""], func(suffix string) ([]byte, error) {
		data, ok := raw[suffix]
		if !ok {
			return nil, fmt.Errorf("%w: %s", errNoPage, suffix)
		}
		return data, nil
	})
}

// many is the number of examples of a memory of several pages.
const many = 20_000

// large lists a configuration of each kind, and of what else has columns of its own.
func large() map[string]replay.Config {
	list := map[string]replay.Config{}
	for _, kind := range replay.Kinds() {
		list[string(kind)] = replay.Config{Kind: kind, Capacity: many}
	}
	list["gdumb"] = replay.Config{Kind: replay.GDumb, Capacity: 2 * many}
	list["ring of segments"] = replay.Config{Kind: replay.RingBuffer, By: replay.BySegment, Capacity: many}
	list["grouped reservoir"] = replay.Config{Capacity: many, Retrieve: replay.Retrieve{Kind: replay.Balanced}}
	list["mostly recent"] = replay.Config{Kind: replay.RecencyMixed, Recent: 0.9, Capacity: many}
	return list
}

func TestALargeMemoryIsRestoredFromItsPages(t *testing.T) {
	for name, cfg := range large() {
		t.Run(name, func(t *testing.T) {
			m := filled(t, cfg, many+500)
			m.Remove(func(ex *replay.Example) bool { return ex.Position%97 == 0 })
			require.Greater(t, m.Len(), 1<<14)
			raw := pieces(t, m.Snapshot())
			require.Greater(t, len(raw), 16)
			state, err := join(raw)
			require.NoError(t, err)
			again := newMemory(t, cfg)
			require.NoError(t, again.Restore(state))
			require.Equal(t, m.Bytes(), again.Bytes())
			require.Equal(t, encode(t, m.Snapshot()), encode(t, again.Snapshot()))
			require.Equal(t, raw, pieces(t, again.Snapshot()), "one encoding, whoever wrote it")

			ops := rand.New(rand.NewPCG(3, 4))
			for i := range uint64(400) {
				at := ops.Uint64()
				want := step(m, rand.New(rand.NewPCG(at, 1)), i)
				require.Equal(t, want, step(again, rand.New(rand.NewPCG(at, 1)), i))
			}
			require.Equal(t, pieces(t, m.Snapshot()), pieces(t, again.Snapshot()))
			require.Equal(t, raw, pieces(t, state), "and the state stays as it was")
		})
	}
}

// A version of a memory to which little happened must cost little: no list as long as the
// memory is copied for it, or written.
func TestAVersionCostsWhatChanged(t *testing.T) {
	for name, cfg := range large() {
		t.Run(name, func(t *testing.T) {
			m := filled(t, cfg, many+500)
			pieces(t, m.Snapshot())
			for i := range 3 {
				ex := example(many + 1000 + i)
				ex.ID = "new"
				m.Add(ex, rand.New(rand.NewPCG(1, uint64(i))))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s := m.Snapshot()
			list := s.Pieces()
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*m.Len()), "no column is copied, were it of four bytes")
			written, pages := 0, 0
			for _, p := range list {
				if p.Seal == nil || p.Seal.Digest() == "" {
					var b bytes.Buffer
					require.NoError(t, p.Write(&b))
					written, pages = written+b.Len(), pages+1
				}
			}
			require.LessOrEqual(t, pages, 12)
			whole := len(encode(t, s))
			require.Less(t, written, whole/4)
		})
	}
}

// A checkpoint encodes a state while the loop goes on; the race detector looks for what they
// would share.
func TestAStateIsEncodedWhileTheMemoryGoesOn(t *testing.T) {
	for name, cfg := range large() {
		t.Run(name, func(t *testing.T) {
			m := filled(t, cfg, many)
			s := m.Snapshot()
			want := encode(t, s)
			got := make(chan map[string][]byte)
			go func() { got <- pieces(t, s) }()
			ops := rand.New(rand.NewPCG(5, 6))
			for i := range uint64(300) {
				step(m, ops, i)
			}
			state, err := join(<-got)
			require.NoError(t, err)
			require.Equal(t, want, encode(t, state))
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
	for _, kind := range replay.Kinds() {
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
	good := map[replay.Kind]map[string][]byte{}
	for _, kind := range []replay.Kind{replay.Reservoir, replay.RingBuffer, replay.RecencyMixed, replay.GSS, replay.Herding} {
		good[kind] = pieces(t, filled(t, replay.Config{Kind: kind, Capacity: many}, many).Snapshot())
	}
	head := len(good[replay.Reservoir][""])
	put := func(name string, at int, v uint32) func(map[string][]byte) {
		return func(raw map[string][]byte) { binary.LittleEndian.PutUint32(raw[name][at:], v) }
	}
	const seats = 4 * 2048 // where a page's tickets begin
	for _, tc := range []struct {
		name   string
		kind   replay.Kind
		damage func(raw map[string][]byte)
		want   error
	}{
		{"a page is missing", replay.Reservoir, func(raw map[string][]byte) { delete(raw, ".7") }, errNoPage},
		{"a page is short", replay.Reservoir, func(raw map[string][]byte) { raw[".7"] = raw[".7"][:len(raw[".7"])-1] }, replay.ErrCorrupt},
		{"a page is long", replay.Reservoir, func(raw map[string][]byte) { raw[".7"] = append(raw[".7"], 0) }, replay.ErrCorrupt},
		{"a page twice", replay.Reservoir, func(raw map[string][]byte) { raw[".7"] = raw[".8"] }, replay.ErrCorrupt},
		{"an empty page", replay.Reservoir, func(raw map[string][]byte) { raw[".7"] = nil }, replay.ErrCorrupt},
		{"a head that goes on", replay.Reservoir, func(raw map[string][]byte) { raw[""] = append(raw[""], 0) }, replay.ErrCorrupt},
		{"a head that ends early", replay.Reservoir, func(raw map[string][]byte) { raw[""] = raw[""][:head-1] }, replay.ErrCorrupt},
		{"a page of more than there are", replay.Reservoir, put("", head-4, 0xff000000), replay.ErrCorrupt},
		{"a page of none", replay.Reservoir, put("", head-4, 0), replay.ErrCorrupt},
		{"another format", replay.Reservoir, put("", 8, 9), replay.ErrFormat},
		{"a ring that is cut", replay.RecencyMixed, put(".links.0", 40, 1<<32-1), replay.ErrCorrupt},
		{"a ring that is closed", replay.RecencyMixed, put(".links.2", 4*(many/2-1-2*4096), 0), replay.ErrCorrupt},
		{"a ring that leaves the latest", replay.RecencyMixed, put(".links.0", 40, many), replay.ErrCorrupt},
		{"links that are missing", replay.RecencyMixed, func(raw map[string][]byte) { delete(raw, ".links.1") }, errNoPage},
		{"links that are short", replay.RecencyMixed, func(raw map[string][]byte) { raw[".links.0"] = raw[".links.0"][4:] }, replay.ErrCorrupt},
		{"a ring that begins nowhere", replay.RecencyMixed, put("", 56, many), replay.ErrCorrupt},
		{"a group that is none", replay.RingBuffer, put(".seats.0", 0, 99), replay.ErrCorrupt},
		{"a ticket twice", replay.RingBuffer, func(raw map[string][]byte) {
			copy(raw[".seats.0"][seats:], raw[".seats.0"][seats+4:seats+80])
		}, replay.ErrCorrupt},
		{"a ticket beyond the last", replay.RingBuffer, put(".seats.0", seats, many), replay.ErrCorrupt},
		{"scores that are short", replay.GSS, func(raw map[string][]byte) { raw[".scores.4"] = raw[".scores.4"][4:] }, replay.ErrCorrupt},
		{"scores that go on", replay.GSS, func(raw map[string][]byte) { raw[".scores.4"] = append(raw[".scores.4"], 1, 2, 3, 4) }, replay.ErrCorrupt},
		{"a feature that is no number", replay.Herding, put(".features.3", 4, 0x7fc00000), replay.ErrCorrupt},
	} {
		raw := map[string][]byte{}
		for name, data := range good[tc.kind] {
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
	raw = pieces(f, filled(f, replay.Config{Kind: replay.RecencyMixed, Capacity: many}, many).Snapshot())
	f.Add(raw[""], raw[".links.0"])
	raw = pieces(f, filled(f, replay.Config{Kind: replay.GSS, Capacity: many}, many).Snapshot())
	f.Add(raw[""], raw[".seats.0"])
	f.Fuzz(func(t *testing.T, head, page []byte) {
		s, err := replay.Join(head, func(string) ([]byte, error) { return page, nil })
		if err == nil && s.Len() > 0 && len(encode(t, s)) == 0 {
			t.Fatal("a state without bytes")
		}
	})
}
