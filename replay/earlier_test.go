package replay_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/replay"
)

// earlier turns a whole into what the formats 2 and 3 have: groups without the ticket of their
// first member; and a head, in which there are all lists of slots, without the examples.
func earlier(t testing.TB, kind replay.Kind, whole []byte, head bool) []byte {
	t.Helper()
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(whole[at:])) }
	n, latest, groups, width := u32(16), u32(20), u32(24), u32(28)
	out, at := []byte(nil), 0
	take := func(bytes int) {
		out = append(out, whole[at:at+bytes]...)
		at += bytes
	}
	take(8)
	at += 4
	format := uint32(2)
	if head {
		format = 3
	}
	out = binary.LittleEndian.AppendUint32(out, format)
	take(44 + 4*latest) // kind to debt, and the order of the latest
	for range groups {
		take(1 + 4 + 8) // flags, class, seen
		take(4 + u32(at))
		at += 4 // the ticket
		take(4 + 4*u32(at))
		if width > 0 {
			take(4 + 4*width)
		}
	}
	if !head {
		return append(out, whole[at:]...)
	}
	if kind == replay.GSS || kind == replay.LossAware {
		take(4 * n)
	}
	take(4 * n * width)
	var pages []int
	for _, left := range []int{latest, n - latest} {
		for ; left > 0; left -= 1024 {
			pages = append(pages, min(left, 1024))
		}
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(pages)))
	for _, count := range pages {
		out = binary.LittleEndian.AppendUint32(out, uint32(count))
	}
	return out
}

// A state of an earlier format must be read as what it was, by a memory that then goes on as
// the one that it was taken from.
func TestEarlierFormatsAreRead(t *testing.T) {
	for _, size := range []int{300, 1<<14 + 700} {
		for _, kind := range replay.Kinds() {
			t.Run(fmt.Sprintf("%s of %d", kind, size), func(t *testing.T) {
				cfg := replay.Config{Kind: kind, Capacity: size}
				m, again := newMemory(t, cfg), newMemory(t, cfg)
				add := func(m replay.Memory, i int) {
					m.Add(&replay.Example{
						ID: fmt.Sprint(i), Position: uint64(i), Segment: fmt.Sprint("k=", i%3), Target: float32(i % 4), Weight: 1,
					}, rng.New(1, "add", uint64(i)))
				}
				next := 0
				for ; next < size+size/3; next++ {
					add(m, next)
				}
				s := m.Snapshot()
				pages := pieces(t, s)
				head := earlier(t, kind, encode(t, s), s.Len() > 1<<14)
				state, err := replay.Join(head, func(suffix string) ([]byte, error) { return pages[suffix], nil })
				require.NoError(t, err)
				require.NoError(t, again.Restore(state))
				for range 200 {
					add(m, next)
					add(again, next)
					next++
					r1, r2 := rng.New(1, "draw", uint64(next)), rng.New(1, "draw", uint64(next))
					require.Equal(t, m.Draw(nil, 5, r1), again.Draw(nil, 5, r2))
				}
			})
		}
	}
}
