package engine

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/internal/seal"
)

// fingerprint stands for an id: 128 bits of its SHA-256, so that nobody can make two
// ids collide on purpose.
type fingerprint [16]byte

const segmentIDs = 1 << 16

// seen remembers the latest event ids, at least max of them, and forgets the oldest
// first, a segment at a time. Full segments never change again, so that a checkpoint
// writes only the last one anew.
type seen struct {
	max      int
	first    uint64    // number of the oldest segment
	segments []segment // the last one is being filled
	index    map[fingerprint]struct{}
}

// A segment only grows. Once it is full its seal is used.
type segment struct {
	ids  []fingerprint
	seal *seal.Seal
}

func newSegment(ids []fingerprint) segment { return segment{ids: ids, seal: &seal.Seal{}} }

func newSeen(max int) *seen {
	return &seen{max: max, segments: []segment{newSegment(nil)}, index: make(map[fingerprint]struct{}, min(max, segmentIDs))}
}

// fingerprintOf keeps the name spaces of events and predictions apart.
func fingerprintOf(space byte, id string) fingerprint {
	var buf [257]byte
	b := append(append(buf[:0], space), id...)
	sum := sha256.Sum256(b)
	return fingerprint(sum[:16])
}

const (
	eventSpace      = 'e'
	predictionSpace = 'p'
)

func (s *seen) has(space byte, id string) bool {
	_, ok := s.index[fingerprintOf(space, id)]
	return ok
}

// Prediction reports whether a prediction of that id was ever applied. With Event it
// makes a seen a signal.Past.
func (s *seen) Prediction(id string) bool { return s.has(predictionSpace, id) }

// Event reports whether an event of that id was ever applied.
func (s *seen) Event(id string) bool { return s.has(eventSpace, id) }

// add remembers an id and reports whether it is new.
func (s *seen) add(space byte, id string) bool {
	f, known := fingerprintOf(space, id), len(s.index)
	if s.index[f] = struct{}{}; len(s.index) == known {
		return false
	}
	last := &s.segments[len(s.segments)-1]
	last.ids = append(last.ids, f)
	if len(last.ids) == segmentIDs {
		s.segments = append(s.segments, newSegment(nil))
	}
	for len(s.index)-len(s.segments[0].ids) >= s.max && len(s.segments) > 1 {
		for _, old := range s.segments[0].ids {
			delete(s.index, old)
		}
		s.segments = s.segments[1:]
		s.first++
	}
	return true
}

// parts returns one part per segment. A segment only grows, so that the prefix taken
// here stays as it is.
func (s *seen) parts() []part.Part {
	var parts []part.Part
	for i, seg := range s.segments {
		if len(seg.ids) == 0 {
			continue
		}
		p := part.Part{
			Name:      fmt.Sprintf("seen-%08d", s.first+uint64(i)),
			MediaType: "application/vnd.perennial.seen.v1",
			Write:     func(w io.Writer) error { return writeIDs(w, seg.ids) },
		}
		if len(seg.ids) == segmentIDs {
			p.Seal = seg.seal
			p.Write = func(w io.Writer) error {
				return seg.seal.Write(w, func(w io.Writer) error { return writeIDs(w, seg.ids) })
			}
		}
		parts = append(parts, p)
	}
	return parts
}

func writeIDs(w io.Writer, ids []fingerprint) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	for i := range ids {
		if _, err := buf.Write(ids[i][:]); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// names returns the part names that a later restore has to read.
func (s *seen) names() []string {
	var names []string
	for _, p := range s.parts() {
		names = append(names, p.Name)
	}
	return names
}

// restoreSeen reads back the segments that parts wrote.
func restoreSeen(max int, first uint64, names []string, read func(name string) ([]byte, error)) (*seen, error) {
	s := newSeen(max)
	s.first = first
	s.segments = nil
	for i, name := range names {
		data, err := read(name)
		if err != nil {
			return nil, err
		}
		full := len(data) == segmentIDs*len(fingerprint{})
		if len(data) == 0 || len(data)%len(fingerprint{}) != 0 || (i < len(names)-1 && !full) ||
			len(data) > segmentIDs*len(fingerprint{}) {
			return nil, fmt.Errorf("decode %s: %d bytes are not a segment of ids", name, len(data))
		}
		seg := make([]fingerprint, 0, segmentIDs)
		for ; len(data) > 0; data = data[len(fingerprint{}):] {
			f := fingerprint(data)
			if _, ok := s.index[f]; ok {
				return nil, fmt.Errorf("decode %s: an id stands twice", name)
			}
			s.index[f] = struct{}{}
			seg = append(seg, f)
		}
		s.segments = append(s.segments, newSegment(seg))
	}
	if n := len(s.segments); n == 0 || len(s.segments[n-1].ids) == segmentIDs {
		s.segments = append(s.segments, newSegment(nil))
	}
	return s, nil
}
