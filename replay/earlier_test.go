package replay

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
)

// writeEarlier writes what the formats 2 and 3 have before the examples.
func (s State) writeEarlier(w io.Writer, format uint32) error {
	e := newEncoder(w)
	if err := e.counts(&s, format); err != nil {
		return err
	}
	for _, slot := range s.byAge() {
		e.u32(uint32(slot))
	}
	for _, gr := range s.groups() {
		// A group as it is written now, without the ticket of its first member.
		var b bytes.Buffer
		now := newEncoder(&b)
		now.group(&gr, s.width)
		if err := now.flush(); err != nil {
			return err
		}
		at := 1 + 4 + 8 + 4 + len(gr.key.segment)
		e.bytes(b.Bytes()[:at])
		e.bytes(b.Bytes()[at+4:])
	}
	e.words(s.scores.List())
	for _, f := range s.features.List() {
		e.floats(f)
	}
	if format == earlierWholeFormat {
		e.examples(s.examples())
		return e.flush()
	}
	e.u32(uint32(len(s.items.Pages()) + len(s.rest.Pages())))
	for _, p := range append(append([][]*Example{}, s.items.Pages()...), s.rest.Pages()...) {
		e.u32(uint32(len(p)))
	}
	return e.flush()
}

// constant has one opinion of all.
type constant struct{}

func (constant) Judge(list []*Example) Opinions {
	o := Opinions{Width: 2, Outputs: 1}
	for _, ex := range list {
		o.Losses = append(o.Losses, float32(ex.Position%5))
		o.Features = append(o.Features, 1, float32(ex.Position%7))
		o.Residuals = append(o.Residuals, 1)
	}
	return o
}

func (constant) Ahead(list, _ []*Example) []float32 { return make([]float32, len(list)) }

// A state of an earlier format must be read as what it was, by a memory that then goes on as
// the one that it was taken from.
func TestEarlierFormatsAreRead(t *testing.T) {
	for _, size := range []int{300, wholeSlots + 700} {
		for _, kind := range Kinds() {
			t.Run(fmt.Sprintf("%s of %d", kind, size), func(t *testing.T) {
				cfg := Config{Kind: kind, Capacity: size}
				m, err := NewJudged(cfg, constant{})
				require.NoError(t, err)
				again, err := NewJudged(cfg, constant{})
				require.NoError(t, err)
				add := func(m Memory, i int) {
					ex := &Example{ID: fmt.Sprint(i), Position: uint64(i), Segment: fmt.Sprint("k=", i%3), Target: float32(i % 4), Weight: 1}
					m.Add(ex, rng.New(1, "add", uint64(i)))
				}
				next := 0
				for ; next < size+size/3; next++ {
					add(m, next)
				}
				s := m.Snapshot()
				format := uint32(earlierWholeFormat)
				if s.Len() > wholeSlots {
					format = earlierHeadFormat
				}
				var head bytes.Buffer
				require.NoError(t, s.writeEarlier(&head, format))
				pages := map[string][]byte{}
				for _, p := range s.Pieces() {
					if p.MediaType == PageMediaType {
						var b bytes.Buffer
						require.NoError(t, p.Write(&b))
						pages[p.Suffix] = b.Bytes()
					}
				}
				state, err := Join(head.Bytes(), func(suffix string) ([]byte, error) { return pages[suffix], nil })
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
