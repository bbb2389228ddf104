package prequential

import (
	"maps"
	"slices"
)

// A Meter scores one who predicts.
type Meter struct {
	cfg      Config
	total    uint64
	skipped  uint64
	window   window
	fading   fading
	segments map[string]*segment

	one  [1]float32 // scratch of judge
	rank ranking    // scratch of Report
}

// A segment is a part of the examples.
type segment struct {
	total  uint64
	window window
}

// New returns a Meter that has seen nothing. cfg is completed by its defaults; the error
// names the field that breaks a rule.
func New(cfg Config) (*Meter, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Meter{cfg: cfg, window: newWindow(cfg.Window), segments: map[string]*segment{}}, nil
}

// Add scores a prediction, as models.Predictor wrote it, on its target: the class's index,
// p(1), possibly soft, or the value. An empty segment counts in the whole alone. What
// cannot be scored is counted as skipped. Add keeps no reference to pred.
func (m *Meter) Add(segment string, pred []float32, target, weight float32) {
	o, ok := judge(m.cfg.Task, pred, target, weight, &m.one)
	if !ok {
		m.skipped++
		return
	}
	m.total++
	m.window.add(o)
	m.fading.add(m.cfg.Task, &o, m.cfg.Fading)
	if segment != "" {
		s := m.segment(segment)
		s.total++
		s.window.add(o)
	}
}

// segment returns the account of a segment: its own, if there is one or room for one.
func (m *Meter) segment(name string) *segment {
	if s, ok := m.segments[name]; ok {
		return s
	}
	own := len(m.segments)
	if _, ok := m.segments[Other]; ok {
		own--
	}
	if own >= m.cfg.MaxSegments {
		name = Other
		if s, ok := m.segments[name]; ok {
			return s
		}
	}
	s := &segment{window: newWindow(m.cfg.Window)}
	m.segments[name] = s
	return s
}

// Report returns the scores as of the last example. It takes time in proportion to the
// examples in all windows.
func (m *Meter) Report() Report {
	r := Report{
		Task:     m.cfg.Task,
		Total:    m.total,
		Skipped:  m.skipped,
		Fading:   m.fading.scores(m.cfg.Task),
		Segments: make([]SegmentReport, 0, len(m.segments)),
	}
	r.Window = m.window.scores(m.cfg.Task, &m.rank)
	for _, name := range m.names() {
		s := m.segments[name]
		sr := SegmentReport{Segment: name, Total: s.total}
		sr.Window = s.window.scores(m.cfg.Task, &m.rank)
		r.Segments = append(r.Segments, sr)
	}
	return r
}

// names lists the segments in order.
func (m *Meter) names() []string { return slices.Sorted(maps.Keys(m.segments)) }
