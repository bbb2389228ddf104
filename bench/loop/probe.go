package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// pollEvery is the least between two inferences of a probe: the resolution of what
	// is measured.
	pollEvery = time.Millisecond
	// probeGivesUp is when a probe that isn't answered counts as that long.
	probeGivesUp = 30 * time.Second
)

// inferBody asks for a prediction that is not recorded, so that measuring adds nothing
// to the log.
var inferBody = []byte(`{"parameters":{"record":false},"inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`)

// A prober measures freshness, one probe after another.
type prober struct {
	base   string
	client *http.Client
	events *writer
	pause  time.Duration

	accepted []time.Duration // from sending a probe until its answer
	fresh    []time.Duration // from that answer until weights contain it
}

// run probes until stop closes; the probe under way is finished.
func (p *prober) run(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(p.pause):
		}
		if err := p.probe(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
}

func (p *prober) probe(ctx context.Context) error {
	body := p.events.single()
	began := time.Now()
	answer, err := post(ctx, p.client, p.base+"/v1/feedback", mediaEvent, body, nil)
	if errors.Is(err, errBusy) {
		return nil // nothing was accepted: nothing is to become fresh
	}
	if err != nil {
		return err
	}
	answered := time.Now()
	position, ok := number(answer, `"position":`)
	if !ok {
		return fmt.Errorf("no position in %.300s", answer)
	}
	for next := answered; ; {
		answer, err = post(ctx, p.client, p.base+"/v2/models/"+modelName+"/infer", "application/json", inferBody, answer[:0])
		if err != nil && !errors.Is(err, errBusy) {
			return err
		}
		version, _ := number(answer, `"model_version":`)
		if took := time.Since(answered); version >= position || took > probeGivesUp {
			p.accepted = append(p.accepted, answered.Sub(began))
			p.fresh = append(p.fresh, took)
			return nil
		}
		next = next.Add(pollEvery)
		if !sleep(ctx, time.Until(next)) {
			return ctx.Err()
		}
		next = time.Now()
	}
}

// quantile returns the smallest value that a fraction q of values does not exceed, or 0
// without values.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	i := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
