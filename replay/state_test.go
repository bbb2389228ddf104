package replay_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

func filled(t testing.TB, cfg replay.Config, n int) replay.Memory {
	t.Helper()
	m := newMemory(t, cfg)
	for i := range n {
		m.Add(example(i), rng.New(1, "add", uint64(i)))
	}
	return m
}

// The bytes that docs/format/replay.md shows.
func TestLayoutIsTheDocumentedOne(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.Stratified, Capacity: 4})
	m.Add(&replay.Example{
		ID: "p1", Subject: "u", Position: 7, Time: -1, Segment: "k=v", Dense: []float32{1},
		Categories: []int32{-1}, Target: 1, Negative: true, Weight: 0.5,
		Logits: []float32{-2}, LogitsAt: 6,
	}, rng.New(1, "add", 0))
	want := "" +
		"50524e4c52504c59" + "04000000" + "03000000" + // magic, format, kind stratified
		"01000000" + "00000000" + "01000000" + "00000000" + // examples, latest, groups, width of features
		"0000000000000000" + "0000000000000000" + "0000000000000000" + // population, holes, debt
		"00" + "00000000" + "0100000000000000" + // group: flags, class, seen
		"03000000" + "6b3d76" + "00000000" + "01000000" + "00000000" + // segment, first ticket, members
		"0700000000000000" + "ffffffffffffffff" + // position, time
		"0000803f" + "0000003f" + "01" + // target, weight, negative
		"02000000" + "7031" + "01000000" + "75" + "03000000" + "6b3d76" + // id, subject, segment
		"01000000" + "0000803f" + "00000000" + // dense, packed
		"01000000" + "ffffffff" + // categories
		"01000000" + "000000c0" + "0600000000000000" // logits, their position
	require.Equal(t, want, hex.EncodeToString(encode(t, m.Snapshot())))
}

func TestFieldsKeepTheirBits(t *testing.T) {
	ex := &replay.Example{
		ID: "ü\x00", Subject: "", Position: math.MaxUint64, Time: math.MinInt64, Segment: "",
		Dense:  []float32{float32(math.Copysign(0, -1)), math.Float32frombits(1), math.MaxFloat32},
		Target: float32(math.Inf(1)), Weight: math.SmallestNonzeroFloat32,
		Logits: []float32{math.MaxFloat32, float32(math.Copysign(0, -1))}, LogitsAt: math.MaxUint64,
	}
	m := newMemory(t, replay.Config{Capacity: 3})
	m.Add(ex, rng.New(1, "add", 0))
	s, err := replay.Read(encode(t, m.Snapshot()))
	require.NoError(t, err)
	back := newMemory(t, replay.Config{Capacity: 3})
	require.NoError(t, back.Restore(s))
	require.Equal(t, ex, all(back)[0])
	require.True(t, math.Signbit(float64(all(back)[0].Dense[0])))
}

func TestReadRefusesDamage(t *testing.T) {
	for name, cfg := range configs() {
		data := encode(t, filled(t, cfg, 60).Snapshot())
		for _, tc := range []struct {
			name   string
			damage func([]byte) []byte
			want   error
		}{
			{"nothing", func([]byte) []byte { return nil }, replay.ErrCorrupt},
			{"torn tail", func(b []byte) []byte { return b[:len(b)-1] }, replay.ErrCorrupt},
			{"trailing byte", func(b []byte) []byte { return append(b, 0) }, replay.ErrCorrupt},
			{"other file", func(b []byte) []byte { b[0] = 'X'; return b }, replay.ErrCorrupt},
			{"format from the future", func(b []byte) []byte { b[8]++; return b }, replay.ErrFormat},
			{"unknown kind", func(b []byte) []byte { b[12] = 99; return b }, replay.ErrCorrupt},
			{"examples beyond the end", func(b []byte) []byte {
				binary.LittleEndian.PutUint32(b[16:], math.MaxUint32)
				return b
			}, replay.ErrCorrupt},
			{"groups beyond the end", func(b []byte) []byte {
				binary.LittleEndian.PutUint32(b[24:], math.MaxUint32)
				return b
			}, replay.ErrCorrupt},
			{"one example less", func(b []byte) []byte { b[16]--; return b }, replay.ErrCorrupt},
		} {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				_, err := replay.Read(tc.damage(bytes.Clone(data)))
				require.ErrorIs(t, err, tc.want)
			})
		}
	}
}

func TestReadAllocatesNothingForAWidthThatNoBytesStandFor(t *testing.T) {
	m := newMemory(t, replay.Config{Kind: replay.Herding})
	data := encode(t, m.Snapshot())
	binary.LittleEndian.PutUint32(data[28:], math.MaxInt32)
	_, err := replay.Read(data)
	require.ErrorIs(t, err, replay.ErrCorrupt)
	m.Add(example(1), rng.New(1, "add", 0))
	data = encode(t, m.Snapshot())
	binary.LittleEndian.PutUint32(data[28:], math.MaxInt32)
	_, err = replay.Read(data)
	require.ErrorIs(t, err, replay.ErrCorrupt)
}

func TestNewerFormatIsNamed(t *testing.T) {
	data := encode(t, filled(t, replay.Config{}, 1).Snapshot())
	data[8] = 7
	_, err := replay.Read(data)
	require.EqualError(t, err, "replay: unknown format: it was written in format 7, this program reads formats 2 and 4")
}

func TestReadRefusesAnIDThatStandsTwice(t *testing.T) {
	m := newMemory(t, replay.Config{Capacity: 2})
	m.Add(&replay.Example{ID: "a1"}, rng.New(1, "add", 0))
	m.Add(&replay.Example{ID: "a2"}, rng.New(1, "add", 1))
	data := bytes.Replace(encode(t, m.Snapshot()), []byte("a1a2"), []byte("a1a1"), 1)
	_, err := replay.Read(data)
	require.ErrorIs(t, err, replay.ErrCorrupt)
}

func TestStateBelongsToAKind(t *testing.T) {
	_, err := replay.State{}.WriteTo(&bytes.Buffer{})
	require.ErrorIs(t, err, replay.ErrState)
	s := filled(t, replay.Config{Kind: replay.RecencyMixed, Capacity: 3}, 9).Snapshot()
	require.Equal(t, replay.RecencyMixed, s.Kind())
	require.Equal(t, 3, s.Len())
}

// full refuses after n bytes.
type full struct{ left int }

var errFull = errors.New("disk full")

func (f *full) Write(b []byte) (int, error) {
	n := min(len(b), f.left)
	f.left -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestWriteToPassesOnAnError(t *testing.T) {
	s := filled(t, replay.Config{Capacity: 3000}, 3000).Snapshot()
	for _, room := range []int{0, 10, 70_000} {
		_, err := s.WriteTo(&full{left: room})
		require.ErrorIs(t, err, errFull, "room for %d bytes", room)
	}
}

func FuzzRead(f *testing.F) {
	for _, cfg := range configs() {
		f.Add(encode(f, filled(f, cfg, 60).Snapshot()))
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := replay.Read(data)
		if err != nil {
			require.True(t, errors.Is(err, replay.ErrCorrupt) || errors.Is(err, replay.ErrFormat))
			return
		}
		if data[8] == 4 {
			require.Equal(t, data, encode(t, s), "a state has one encoding")
		}
		m := newMemory(t, replay.Config{Kind: s.Kind(), Capacity: max(2, s.Len())})
		if m.Restore(s) != nil {
			return
		}
		require.Equal(t, s.Len(), m.Len())
		for at := range uint64(50) { // whatever was restored can be worked with
			step(m, rng.New(1, "ops", at), at)
		}
	})
}
