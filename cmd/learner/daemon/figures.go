package daemon

import (
	"encoding/json"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/serve"
)

// fate is a counter by its JSON name.
type fate struct {
	name string
	n    uint64
}

// counterMap lists what became of records and signals, by the names of their JSON
// fields. What both count keeps the records' name.
func counterMap(r *engine.Report) map[string]uint64 {
	m := map[string]uint64{}
	for _, f := range fields(r.Signals) {
		m[f.name] = f.n
	}
	for _, f := range fields(r.Counts) {
		if joined, both := m[f.name]; both {
			m["window_"+f.name] = joined
		}
		m[f.name] = f.n
	}
	for _, a := range r.Arms {
		for _, f := range fields(a.Counts) {
			m[a.Name+"_"+f.name] = f.n
		}
	}
	return m
}

// fields lists a struct of counters in the order of its declaration.
func fields(counts any) []fate {
	data, err := json.Marshal(counts)
	if err != nil {
		return nil
	}
	var values map[string]uint64
	if err := json.Unmarshal(data, &values); err != nil {
		return nil
	}
	out := make([]fate, 0, len(values))
	for name, n := range values {
		out = append(out, fate{name, n})
	}
	return out
}

// account is one who predicts, with the score.
type account struct {
	name   string
	report prequential.Report
}

// reports lists who is scored: what was served, stable, and each arm.
func reports(r *engine.Report) []account {
	out := []account{{"served", r.Served}, {"stable", r.Stable}}
	for _, a := range r.Arms {
		out = append(out, account{a.Name, a.Prequential})
	}
	return out
}

// report turns the engine's account into the servers' form.
func report(r *engine.Report) serve.Report {
	out := serve.Report{Position: r.Position, LogTime: logTime(r.Time)}
	for _, a := range reports(r) {
		out.Scores = append(out.Scores, score(a.name, "", a.report.Total, a.report.Window))
		for _, seg := range a.report.Segments {
			out.Scores = append(out.Scores, score(a.name, seg.Segment, seg.Total, seg.Window))
		}
	}
	out.Anchors = anchors(r.Anchors)
	return out
}

func anchors(r *anchor.Report) *serve.Anchors {
	if r == nil {
		return nil
	}
	out := &serve.Anchors{Held: r.Held, Looks: r.Looks, AnchorFigures: serve.AnchorFigures(r.Figures)}
	for _, p := range r.Phases {
		out.Phases = append(out.Phases, serve.Phase{
			Ended: p.Ended, Examples: p.Examples, First: p.First, Before: p.Before,
			AtEnd: p.AtEnd, Best: p.Best, Worst: p.Worst, Current: p.Current,
		})
	}
	return out
}

// measure is one score by name.
type measure struct {
	name  string
	value float64
	help  string // of those that share none
}

// measures lists the scores that there are.
func measures(s prequential.Scores) []measure {
	var out []measure
	for _, m := range []struct {
		name  string
		value *float64
	}{
		{"loss", s.Loss}, {"accuracy", s.Accuracy}, {"auc", s.AUC}, {"ece", s.ECE}, {"mae", s.MAE},
	} {
		if m.value != nil {
			out = append(out, measure{m.name, *m.value, ""})
		}
	}
	return out
}

// anchorMeasures lists the figures over the anchors that there are.
func anchorMeasures(f anchor.Figures) []measure {
	var out []measure
	for _, m := range []struct {
		name, help string
		value      *float64
	}{
		{"accuracy", "Mean accuracy now.", f.Accuracy},
		{"learning_accuracy", "Mean accuracy of each phase as it ended.", f.LearningAccuracy},
		{"backward_transfer", "Mean change of a phase's accuracy since it ended.", f.BackwardTransfer},
		{"forward_transfer", "Mean accuracy on a phase before it began, less that of the first weights.", f.ForwardTransfer},
		{"forgetting", "Mean fall of a phase's accuracy from its best.", f.Forgetting},
		{"retention", "Mean share that is left of a phase's accuracy as it ended.", f.Retention},
		{"anytime_accuracy", "Mean of the mean accuracy over all looks.", f.AnytimeAccuracy},
		{"minimum_accuracy", "Mean lowest accuracy of each past phase since it ended.", f.MinimumAccuracy},
		{"worst_case_accuracy", "The present phase's accuracy and the lowest of past ones, weighed by their number.", f.WorstCaseAccuracy},
	} {
		if m.value != nil {
			out = append(out, measure{m.name, *m.value, m.help})
		}
	}
	return out
}
