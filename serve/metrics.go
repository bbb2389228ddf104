package serve

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the server's own; the daemon registers others in the same registry.
type metrics struct {
	requests *prometheus.CounterVec   // by endpoint and status code
	latency  *prometheus.HistogramVec // seconds, by endpoint
	inFlight prometheus.Gauge
	refusals *prometheus.CounterVec // by model and code
	accepted *prometheus.CounterVec // events, by model
	rows     *prometheus.CounterVec // served, by model and channel
	version  *prometheus.GaugeVec   // last served, by model and channel
	recorded *prometheus.CounterVec // prediction events on disk, by model
	lost     *prometheus.CounterVec // prediction events answered and not recorded, by model
	shadows  *prometheus.CounterVec // shadow predictions that failed, by model
}

// newMetrics registers the metrics in reg. It returns an error if one of that name is
// there already.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "perennial", Subsystem: "serve", Name: name, Help: help}, labels)
	}
	m := &metrics{
		requests: counter("requests_total", "Requests answered.", "endpoint", "code"),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "perennial", Subsystem: "serve", Name: "request_seconds", Help: "Time to handle a request.",
			Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
		}, []string{"endpoint"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "perennial", Subsystem: "serve", Name: "in_flight", Help: "Requests being handled."}),
		refusals: counter("refusals_total", "Events, rows and requests refused.", "model", "reason"),
		accepted: counter("events_accepted_total", "Events accepted and durable.", "model"),
		rows:     counter("rows_total", "Rows predicted.", "model", "channel"),
		version: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "perennial", Subsystem: "serve", Name: "version", Help: "Version served last: its position in the log.",
		}, []string{"model", "channel"}),
		recorded: counter("predictions_recorded_total", "Prediction events that are durable.", "model"),
		lost:     counter("predictions_lost_total", "Prediction events that were answered and could not be recorded.", "model"),
		shadows:  counter("shadow_errors_total", "Shadow predictions that failed or were refused.", "model"),
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.latency, m.inFlight, m.refusals, m.accepted, m.rows, m.version, m.recorded, m.lost, m.shadows} {
		errs = append(errs, reg.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}
