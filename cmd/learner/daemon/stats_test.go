package daemon

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/engine/signal"
)

// A metric collected twice fails the whole page.
func TestMetricsPageGathersWithEveryCounterOnce(t *testing.T) {
	s := newStats("m")
	s.report.Store(&engine.Report{
		Counts:  engine.Counts{Predictions: 3, Feedback: 2},
		Signals: signal.Counts{Predictions: 1, Late: 4},
		Arms:    []arm.Report{{Name: "main"}, {Name: "other"}},
	})
	registry := prometheus.NewPedanticRegistry()
	for _, c := range append(s.own(), s) {
		require.NoError(t, registry.Register(c))
	}
	families, err := registry.Gather()
	require.NoError(t, err)

	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "fate" {
					got[f.GetName()+"/"+l.GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	require.Equal(t, 3.0, got["perennial_records_total/predictions"])
	require.Equal(t, 1.0, got["perennial_signals_total/predictions"])
	require.Equal(t, 4.0, got["perennial_signals_total/late"])
}

func TestStatusKeepsBothCountsOfPredictions(t *testing.T) {
	m := counterMap(&engine.Report{
		Counts:  engine.Counts{Predictions: 3},
		Signals: signal.Counts{Predictions: 1, Late: 4},
	})
	require.Equal(t, uint64(3), m["predictions"])
	require.Equal(t, uint64(1), m["window_predictions"])
	require.Equal(t, uint64(4), m["late"])
}

// Segments are named by producers: no name may break the page for all others, or make it
// grow without end.
func TestMetricsPageTakesAnySegment(t *testing.T) {
	loss := 0.25
	report := prequential.Report{Window: prequential.Scores{N: 9, Loss: &loss, Accuracy: &loss}}
	names := []string{"", "a\xff", "a\xfe", "a\uFFFD", `"a\xff"`, "new\nline", prequential.Other}
	for i := range 3 * maxSegments {
		names = append(names, fmt.Sprint("z", i))
	}
	for _, name := range names {
		report.Segments = append(report.Segments, prequential.SegmentReport{Segment: name, Window: prequential.Scores{N: 9, Loss: &loss}})
	}
	registry := prometheus.NewPedanticRegistry()
	for _, model := range []string{"left", "right"} {
		s := newStats(model)
		s.report.Store(&engine.Report{Served: report, Stable: report, Arms: []arm.Report{{Name: "learner", Prequential: report}}})
		for _, c := range append(s.own(), s) {
			require.NoError(t, registry.Register(c))
		}
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	series := 0
	for _, f := range families {
		if f.GetName() == "perennial_prequential_loss" {
			series = len(f.GetMetric())
		}
	}
	require.Equal(t, 2*3*(1+maxSegments-1), series, "the whole, and the segments but the one without a name")
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMetricsPageHasTheFiguresOfContinualLearningThatThereAre(t *testing.T) {
	half, none := 0.5, 0.0
	all := anchor.Figures{
		Accuracy: &half, LearningAccuracy: &half, BackwardTransfer: &half, ForwardTransfer: &half, Forgetting: &none,
		Retention: &half, AnytimeAccuracy: &half, MinimumAccuracy: &half, WorstCaseAccuracy: &half,
	}
	gather := func(f anchor.Figures) map[string]float64 {
		s := newStats("m")
		s.report.Store(&engine.Report{Anchors: &anchor.Report{Looks: 3, Figures: f}})
		registry := prometheus.NewPedanticRegistry()
		require.NoError(t, registry.Register(s))
		families, err := registry.Gather()
		require.NoError(t, err)
		problems, err := promlint.NewWithMetricFamilies(families).Lint()
		require.NoError(t, err)
		require.Empty(t, problems)
		got := map[string]float64{}
		for _, f := range families {
			if name, ok := strings.CutPrefix(f.GetName(), "perennial_anchors_"); ok {
				got[name] = f.GetMetric()[0].GetGauge().GetValue() + f.GetMetric()[0].GetCounter().GetValue()
			}
		}
		return got
	}
	require.Equal(t, map[string]float64{
		"accuracy": 0.5, "learning_accuracy": 0.5, "backward_transfer": 0.5, "forward_transfer": 0.5, "forgetting": 0,
		"retention": 0.5, "anytime_accuracy": 0.5, "minimum_accuracy": 0.5, "worst_case_accuracy": 0.5, "looks_total": 3,
	}, gather(all))
	require.Equal(t, map[string]float64{"accuracy": 0.5, "looks_total": 3}, gather(anchor.Figures{Accuracy: &half}),
		"what cannot be computed is absent")

	// The API's form has them, and the prequential scores, by the same names.
	data, err := json.Marshal(report(&engine.Report{Stable: prequential.Report{Window: prequential.Scores{
		Loss: &half, Accuracy: &half, AUC: &half, ECE: &half, MAE: &half,
	}}}).Scores[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"stable","n":0,"loss":0.5,"accuracy":0.5,"auc":0.5,"ece":0.5,"mae":0.5}`, string(data))
	data, err = json.Marshal(report(&engine.Report{Anchors: &anchor.Report{
		Looks: 3, Figures: all, Phases: []anchor.PhaseReport{{Ended: 4, Examples: 9, First: &none, Before: &half, Current: 0.25}},
	}}).Anchors)
	require.NoError(t, err)
	var form map[string]any
	require.NoError(t, json.Unmarshal(data, &form))
	for _, m := range anchorMeasures(all) {
		require.Equal(t, m.value, form[m.name], m.name)
	}
	require.Equal(t, []any{map[string]any{"ended": 4.0, "examples": 9.0, "first": 0.0, "before": 0.5, "current": 0.25}}, form["phases"])
}
