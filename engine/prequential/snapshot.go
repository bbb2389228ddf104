package prequential

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/models"
)

// stateFormat is raised with each incompatible change of a document.
const stateFormat = 1

// meterDoc is a Meter on disk. Outcomes are packed, from the oldest to the newest.
type meterDoc struct {
	Format   uint64       `cbor:"format"`
	Task     string       `cbor:"task"`
	Total    uint64       `cbor:"total"`
	Skipped  uint64       `cbor:"skipped"`
	Window   []byte       `cbor:"window"`
	Fading   fadingDoc    `cbor:"fading"`
	Segments []segmentDoc `cbor:"segments"` // by name
}

type fadingDoc struct {
	N      uint64    `cbor:"n"`
	Sums   []float64 `cbor:"sums"` // weight, mean, spread, hits, absolute
	Weight []float64 `cbor:"bin_weights"`
	Gap    []float64 `cbor:"bin_gaps"`
}

type segmentDoc struct {
	Name   string `cbor:"name"`
	Total  uint64 `cbor:"total"`
	Window []byte `cbor:"window"`
}

// Snapshot returns the state as bytes; equal states give equal bytes.
func (m *Meter) Snapshot() ([]byte, error) {
	doc := meterDoc{
		Format:   stateFormat,
		Task:     string(m.cfg.Task),
		Total:    m.total,
		Skipped:  m.skipped,
		Window:   m.window.pack(),
		Fading:   m.fading.doc(),
		Segments: make([]segmentDoc, 0, len(m.segments)),
	}
	for _, name := range m.names() {
		s := m.segments[name]
		doc.Segments = append(doc.Segments, segmentDoc{Name: name, Total: s.total, Window: s.window.pack()})
	}
	data, err := canonical.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode meter: %w", err)
	}
	return data, nil
}

// Restore replaces the state by one that Snapshot returned. It returns ErrState, and
// changes nothing, if data is damaged, of another task, or does not fit in the window or
// in the number of segments.
func (m *Meter) Restore(data []byte) error {
	var doc meterDoc
	if err := canonical.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if doc.Format != stateFormat {
		return stateError("format %d is not the format %d that this program reads", doc.Format, stateFormat)
	}
	if doc.Task != string(m.cfg.Task) {
		return stateError("it is of task %q, configured is %q", doc.Task, m.cfg.Task)
	}
	fresh := &Meter{cfg: m.cfg, total: doc.Total, skipped: doc.Skipped, segments: make(map[string]*segment, len(doc.Segments))}
	var err error
	if fresh.window, err = unpack(doc.Window, m.cfg, doc.Total); err != nil {
		return err
	}
	if fresh.fading, err = doc.Fading.fading(); err != nil {
		return err
	}
	own := 0
	for i, sd := range doc.Segments {
		if sd.Name == "" || i > 0 && sd.Name <= doc.Segments[i-1].Name {
			return stateError("segment %q is not in its place", sd.Name)
		}
		if sd.Name != Other {
			own++
		}
		w, err := unpack(sd.Window, m.cfg, sd.Total)
		if err != nil {
			return fmt.Errorf("segment %q: %w", sd.Name, err)
		}
		fresh.segments[sd.Name] = &segment{total: sd.Total, window: w}
	}
	if own > m.cfg.MaxSegments {
		return stateError("it has %d segments, configured are at most %d", own, m.cfg.MaxSegments)
	}
	*m = *fresh
	return nil
}

// outcomeBytes is the length of a packed outcome: loss, score, weight and flags,
// little-endian.
const outcomeBytes = 8 + 4 + 4 + 1

func (w *window) pack() []byte {
	data := make([]byte, 0, outcomeBytes*len(w.items))
	for _, half := range w.halves() {
		for i := range half {
			o := &half[i]
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(o.loss))
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(o.score))
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(o.weight))
			data = append(data, byte(o.flags))
		}
	}
	return data
}

// unpack returns the window of a segment that saw total examples.
func unpack(data []byte, cfg Config, total uint64) (window, error) {
	w := newWindow(cfg.Window)
	n := len(data) / outcomeBytes
	if len(data)%outcomeBytes != 0 {
		return w, stateError("a window has %d bytes, must be a multiple of %d", len(data), outcomeBytes)
	}
	if n > cfg.Window || uint64(n) > total {
		return w, stateError("a window holds %d of %d examples, configured are at most %d", n, total, cfg.Window)
	}
	w.items = make([]outcome, n)
	for i := range w.items {
		b := data[i*outcomeBytes:]
		o := outcome{
			loss:   math.Float64frombits(binary.LittleEndian.Uint64(b)),
			score:  math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
			weight: math.Float32frombits(binary.LittleEndian.Uint32(b[12:])),
			flags:  flags(b[16]),
		}
		if err := o.check(cfg.Task); err != nil {
			return w, err
		}
		w.items[i] = o
	}
	return w, nil
}

func (o *outcome) check(task models.Task) error {
	switch {
	case o.loss-o.loss != 0:
		return stateError("a loss is %v, must be finite", o.loss)
	case !finite(o.weight) || o.weight <= 0:
		return stateError("a weight is %v, must be above 0", o.weight)
	case !finite(o.score) || o.score < 0:
		return stateError("a score is %v, must not be negative", o.score)
	case task != models.Regression && o.score > 1:
		return stateError("a score is %v, must be a probability", o.score)
	case o.flags > right|positive:
		return stateError("flags are %#x, must be at most %#x", uint8(o.flags), uint8(right|positive))
	}
	return nil
}

func (f *fading) doc() fadingDoc {
	d := fadingDoc{N: f.n, Sums: []float64{f.weight, f.mean, f.spread, f.hits, f.absolute}}
	for _, b := range f.bins {
		d.Weight = append(d.Weight, b.weight)
		d.Gap = append(d.Gap, b.gap)
	}
	return d
}

func (d fadingDoc) fading() (fading, error) {
	if len(d.Sums) != 5 || len(d.Weight) != binCount || len(d.Gap) != binCount {
		return fading{}, stateError("fading sums are %d, %d and %d, must be 5, %d and %d",
			len(d.Sums), len(d.Weight), len(d.Gap), binCount, binCount)
	}
	f := fading{n: d.N, weight: d.Sums[0], mean: d.Sums[1], spread: d.Sums[2], hits: d.Sums[3], absolute: d.Sums[4]}
	for i := range f.bins {
		f.bins[i] = bin{weight: d.Weight[i], gap: d.Gap[i]}
	}
	for _, list := range [][]float64{d.Sums, d.Weight, d.Gap} {
		for _, v := range list {
			if v-v != 0 {
				return fading{}, stateError("a fading sum is %v, must be finite", v)
			}
		}
	}
	if f.weight < 0 || f.spread < 0 || f.n > 0 && f.weight == 0 {
		return fading{}, stateError("fading sums are negative or missing")
	}
	return f, nil
}

func stateError(rule string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(rule, args...))
}
