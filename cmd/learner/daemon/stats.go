package daemon

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/prequential"
)

// stats are one model's figures for Prometheus. The engine's own counters are read
// from its newest report when they are scraped.
type stats struct {
	report atomic.Pointer[engine.Report]

	checkpointSeconds  prometheus.Histogram
	checkpointFailures prometheus.Counter
	checkpointSkipped  prometheus.Counter
	pauseSeconds       prometheus.Histogram
	ticks              prometheus.Counter
	published          prometheus.Counter
	erased             prometheus.Counter

	model string
}

func newStats(model string) *stats {
	labels := prometheus.Labels{"model": model}
	histogram := func(name, help string, start float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "perennial", Name: name, Help: help, ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(start, 2, 14),
		})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "perennial", Name: name, Help: help, ConstLabels: labels,
		})
	}
	return &stats{
		model:              model,
		checkpointSeconds:  histogram("checkpoint_seconds", "Time to make a version durable.", 0.001),
		checkpointFailures: counter("checkpoint_failures_total", "Versions that could not be written."),
		checkpointSkipped:  counter("checkpoint_skipped_total", "Versions that fell due while one was being written."),
		pauseSeconds:       histogram("snapshot_pause_seconds", "Time for which the loop stood still to copy its state.", 0.00001),
		ticks:              counter("ticks_total", "Ticks that the learner added to the log."),
		published:          counter("published_versions_total", "Versions given to the servers."),
		erased:             counter("erased_records_total", "Records erased from the log because their consent forbids keeping them, since the start of this process."),
	}
}

func (s *stats) checkpoint(took time.Duration) { s.checkpointSeconds.Observe(took.Seconds()) }

func (s *stats) own() []prometheus.Collector {
	return []prometheus.Collector{
		s.checkpointSeconds, s.checkpointFailures, s.checkpointSkipped, s.pauseSeconds, s.ticks, s.published, s.erased,
	}
}

// Describe sends nothing: the collector is unchecked, since its metrics follow the
// engine's report.
func (s *stats) Describe(chan<- *prometheus.Desc) {}

// Collect turns the newest report into metrics.
func (s *stats) Collect(ch chan<- prometheus.Metric) {
	r := s.report.Load()
	if r == nil {
		return
	}
	send := func(kind prometheus.ValueType, name, help string, value float64, pairs ...string) {
		labels := prometheus.Labels{"model": s.model}
		for i := 0; i+1 < len(pairs); i += 2 {
			labels[pairs[i]] = pairs[i+1]
		}
		desc := prometheus.NewDesc("perennial_"+name, help, nil, labels)
		ch <- prometheus.MustNewConstMetric(desc, kind, value)
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue

	send(gauge, "position", "Position of the last record applied.", float64(r.Position))
	send(gauge, "log_time_seconds", "Log time of the last record applied, since the Unix epoch.", float64(r.Time)/1e9)
	send(gauge, "version", "Version that a channel names.", float64(r.Channels.Candidate), "channel", "candidate")
	send(gauge, "version", "Version that a channel names.", float64(r.Channels.Stable), "channel", "stable")
	send(gauge, "stable_pinned", "1 if a person pinned stable.", boolean(r.Channels.Pinned))
	if r.Classes > 0 {
		send(gauge, "classes", "Classes that the learner knows.", float64(r.Classes))
	}
	for _, c := range fields(r.Counts) {
		send(counter, "records_total", "Records, by what became of them.", float64(c.n), "fate", c.name)
	}
	for _, c := range fields(r.Signals) {
		send(counter, "signals_total", "Predictions and signals in the join window, by what became of them.", float64(c.n), "fate", c.name)
	}
	send(gauge, "window_predictions", "Predictions that await their signals.", float64(r.Waiting.Predictions))
	send(gauge, "window_orphans", "Signals that await their prediction.", float64(r.Waiting.Orphans))
	send(gauge, "window_bytes", "Estimated memory of the join window.", float64(r.Waiting.Bytes))
	for _, a := range r.Arms {
		send(counter, "steps_total", "Optimizer steps.", float64(a.Counts.Steps), "arm", a.Name)
		send(counter, "examples_learned_total", "New examples learned.", float64(a.Counts.Learned), "arm", a.Name)
		send(counter, "examples_rehearsed_total", "Examples drawn from the memory.", float64(a.Counts.Rehearsed), "arm", a.Name)
		send(counter, "steps_dropped_total", "Steps dropped for a NaN or an infinity.", float64(a.Counts.NonFinite), "arm", a.Name)
		send(counter, "examples_forgotten_total", "Examples taken out of the memory.", float64(a.Counts.Forgotten), "arm", a.Name)
		send(counter, "consolidations_total", "Phases of learning that ended.", float64(a.Counts.Consolidations), "arm", a.Name)
		send(counter, "drift_alarms_total", "Rises of the prequential error that the drift detector found.", float64(a.Counts.Drifts), "arm", a.Name)
		send(gauge, "memory_examples", "Examples in the rehearsal memory.", float64(a.MemoryLen), "arm", a.Name)
		send(gauge, "memory_bytes", "Size of the rehearsal memory.", float64(a.MemoryBytes), "arm", a.Name)
	}
	if a := r.Anchors; a != nil {
		send(counter, "anchors_looks_total", "Looks at examples that the learner never trains on.", float64(a.Looks))
		for _, m := range anchorMeasures(a.Figures) {
			send(gauge, "anchors_"+m.name, m.help+" On examples that the learner never trains on, over the phases of learning.", m.value)
		}
	}
	for _, sc := range reports(r) {
		prequentialMetrics(send, sc.name, sc.report)
	}
}

func prequentialMetrics(send func(prometheus.ValueType, string, string, float64, ...string), who string, r prequential.Report) {
	gauge := prometheus.GaugeValue
	help := "Prequential score: each example was scored before it was learned."
	for _, m := range measures(r.Window) {
		send(gauge, "prequential_"+m.name, help, m.value, "of", who, "segment", "", "over", "window")
	}
	for _, m := range measures(r.Fading) {
		send(gauge, "prequential_"+m.name, help, m.value, "of", who, "segment", "", "over", "fading")
	}
	for _, seg := range r.Segments[:min(len(r.Segments), maxSegments)] {
		if seg.Segment == "" {
			continue // the name of them all
		}
		for _, m := range measures(seg.Window) {
			send(gauge, "prequential_"+m.name, help, m.value, "of", who, "segment", label(seg.Segment), "over", "window")
		}
	}
}

// maxSegments bounds the segments of one account that become time series, the first by
// name. The report of the HTTP API has them all.
const maxSegments = 100

// label returns a segment's name as a label may hold it. A name that is not UTF-8 is
// quoted, which no two names share and which no valid name is.
func label(segment string) string {
	if utf8.ValidString(segment) && !strings.HasPrefix(segment, `"`) {
		return segment
	}
	return strconv.QuoteToASCII(segment)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
