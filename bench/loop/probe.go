package main

import (
	"bytes"
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
	// probeGivesUp is when a probe that stable doesn't answer counts as held: its policy
	// found no version good enough so far, or there is a lag.
	probeGivesUp = 2 * time.Second
)

// The channels that a probe asks.
const (
	candidate = iota
	stable
	channels
)

// A prober measures freshness, one probe after another.
type prober struct {
	base   string
	client *http.Client
	events *writer
	pause  time.Duration
	ask    [channels][]byte // a request that the channel answers

	accepted []time.Duration           // from sending a probe until its answer
	fresh    [channels][]time.Duration // from that answer until weights contain it
	held     int                       // probes that stable did not answer in time
}

// prepare finds a subject for each channel.
func (p *prober) prepare(ctx context.Context) error {
	for i, name := range [channels]string{"candidate", "stable"} {
		for n := 0; p.ask[i] == nil; n++ {
			if n == 200 {
				return fmt.Errorf("no subject of %d is served by %s", n, name)
			}
			// Nothing is recorded, so that measuring adds nothing to the log.
			body := fmt.Appendf(nil, `{"parameters":{"record":false,"subject":"prober-%d"},"inputs":[{"name":"x","datatype":"FP32","shape":[1,16],"data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}]}`, n)
			answer, err := p.infer(ctx, body, nil)
			if err != nil {
				return err
			}
			if bytes.Contains(answer, []byte(`"channel":"`+name+`"`)) {
				p.ask[i] = body
			}
		}
	}
	return nil
}

func (p *prober) infer(ctx context.Context, body, dst []byte) ([]byte, error) {
	return post(ctx, p.client, p.base+"/v2/models/"+modelName+"/infer", "application/json", body, dst)
}

// run probes until stop closes; the probe under way is finished.
func (p *prober) run(ctx context.Context, stop <-chan struct{}) error {
	if err := p.prepare(ctx); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
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
	p.accepted = append(p.accepted, answered.Sub(began))
	for i := range p.ask {
		reached, err := p.await(ctx, i, position, answered)
		if err != nil {
			return err
		}
		if !reached {
			p.held++
		}
		p.fresh[i] = append(p.fresh[i], time.Since(answered))
	}
	return nil
}

// await polls a channel until its weights contain a position, and reports false if that
// takes too long.
func (p *prober) await(ctx context.Context, channel int, position uint64, since time.Time) (bool, error) {
	var answer []byte
	for {
		began := time.Now()
		var err error
		if answer, err = p.infer(ctx, p.ask[channel], answer[:0]); err != nil && !errors.Is(err, errBusy) {
			return false, err
		}
		if version, _ := number(answer, `"model_version":`); version >= position {
			return true, nil
		}
		if channel == stable && time.Since(since) > probeGivesUp {
			return false, nil
		}
		if !sleep(ctx, pollEvery-time.Since(began)) {
			return false, ctx.Err()
		}
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
