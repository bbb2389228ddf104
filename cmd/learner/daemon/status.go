package daemon

import (
	"context"
	"time"

	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/engine/prequential"
	"github.com/perennial-ml/perennial/serve"
)

// Status says where the learner is. It is part of serve.Status.
func (r *runner) Status(ctx context.Context) (serve.ModelStatus, error) {
	state, err := r.machine.Log.State(ctx)
	if err != nil {
		return serve.ModelStatus{}, err
	}
	id := r.machine.Log.ID()
	s := serve.ModelStatus{
		Durable: r.writer.durable.Load(),
		Log: serve.LogStatus{
			Name: id.Name, Created: id.Created,
			First: uint64(state.First), Last: uint64(state.Last), Bytes: state.Bytes, State: "ok",
		},
	}
	if rep := r.stats.report.Load(); rep != nil {
		s.Position = rep.Position
		s.LogTime = logTime(rep.Time)
		s.Pinned = rep.Channels.Pinned
		if since := r.behind.Load(); since != 0 {
			s.FreshnessMS = max(0, float64(time.Now().UnixNano()-since)/1e6)
		}
		s.Counters = counterMap(rep)
	}
	return s, nil
}

// Versions lists the durable versions, the newest first.
func (r *runner) Versions(context.Context) ([]serve.VersionInfo, error) {
	return machine.List(r.machine.Store)
}

// Report returns the prequential scores as of the loop's last account.
func (r *runner) Report(context.Context) (serve.Report, error) {
	rep := r.stats.report.Load()
	if rep == nil {
		return serve.Report{}, nil
	}
	return report(rep), nil
}

func logTime(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// score turns a meter's figures into the servers' form.
func score(name, segment string, total uint64, s prequential.Scores) serve.Score {
	return serve.Score{
		Name: name, Segment: segment, N: s.N, Total: total,
		Loss: s.Loss, LossSD: s.LossSD, Accuracy: s.Accuracy, AUC: s.AUC, ECE: s.ECE, MAE: s.MAE,
	}
}
