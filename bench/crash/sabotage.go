package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// Faults that the harness can make, to see that it finds them.
const (
	dropRecord   = "drop-record"   // an acknowledged record leaves the log
	repeatRecord = "repeat-record" // an id enters the log twice at once
	wrongState   = "wrong-state"   // a version holds a state that its log does not give
	learnTwice   = "learn-twice"   // a version holds an example learned twice
)

func allSabotages() []string { return []string{dropRecord, repeatRecord, wrongState, learnTwice} }

func sabotages() string { return strings.Join(allSabotages(), ", ") }

func knownSabotage(s string) bool { return s == "" || slices.Contains(allSabotages(), s) }

// sabotage makes the fault asked for, to the first model, while no learner lives.
func (h *harness) sabotage(ctx context.Context) (err error) {
	cfg := h.set.config.Log
	cfg.Listen = ""
	broker, err := ledger.Connect(ctx, cfg, h.quiet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	m := h.set.config.Models[0]
	log, err := broker.Open(ctx, m.Name)
	if err != nil {
		return err
	}
	switch h.opt.sabotage {
	case dropRecord:
		return h.dropRecord(ctx, broker, log)
	case repeatRecord:
		for range 2 {
			msg := nats.NewMsg("perennial." + m.Name + ".feedback")
			for name, v := range map[string]string{
				"specversion": "1.0", "id": "sabotage", "source": "bench/crash", "type": feedback.TypeFeedback, "consent": "learn",
			} {
				msg.Header.Set("ce-"+name, v)
			}
			msg.Data = []byte(`{"prediction_id": "never", "signal": {"kind": "click"}}`)
			if _, err := broker.JetStream().PublishMsg(ctx, msg); err != nil {
				return err
			}
		}
		return nil
	}
	return h.forgeVersion(ctx, log, m)
}

// dropRecord deletes a record that was acknowledged as the log's broker would never do
// by itself.
func (h *harness) dropRecord(ctx context.Context, broker *ledger.Broker, log *ledger.Log) error {
	acked := h.book.Acked(log.Model())
	var at ledger.Position
	state, err := log.State(ctx)
	if err != nil {
		return err
	}
	err = log.Range(ctx, state.Last/2, state.Last, func(raw ledger.Raw) error {
		if ids := raw.Header["ce-id"]; at == 0 && len(ids) == 1 {
			if _, ok := acked[ids[0]]; ok {
				at = raw.Position
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	stream, err := broker.JetStream().Stream(ctx, log.ID().Name)
	if err != nil {
		return err
	}
	return stream.DeleteMsg(ctx, uint64(at))
}

// forgeVersion writes a version, whole and of the right configuration, whose state is
// wrong: that of another seed, or of a learner that learned one example twice.
func (h *harness) forgeVersion(ctx context.Context, log *ledger.Log, m config.Model) error {
	receipts, err := log.Append(ctx, []feedback.Event{feedback.NewTick("sabotage", "bench/crash")})
	if err != nil {
		return err
	}
	end := receipts[0].Position
	store, err := machine.OpenStore(h.set.config, m, nil, h.quiet)
	if err != nil {
		return err
	}
	defer store.Close()
	right, err := machine.New(h.set.config, m, log, store, h.quiet)
	if err != nil {
		return err
	}
	other := *h.set.config
	if h.opt.sabotage == wrongState {
		other.Seed++
	}
	wrong, err := machine.New(&other, m, log, store, h.quiet)
	if err != nil {
		return err
	}
	if err := wrong.ScanTo(ctx, end-1, nil, nil); err != nil {
		return err
	}
	raw, err := h.lastRecord(ctx, log, end)
	if err != nil {
		return err
	}
	if h.opt.sabotage == learnTwice {
		if raw, err = h.forgedAgain(ctx, log, raw); err != nil {
			return err
		}
	}
	if _, err := wrong.Engine.Apply(wrong.Decode(raw)); err != nil {
		return err
	}
	blobs, err := wrong.Blobs()
	if err != nil {
		return err
	}
	man := right.Manifest()
	man.Version, man.LogTime = wrong.Manifest().Version, wrong.Manifest().LogTime
	_, err = store.Write(ctx, man, blobs)
	return err
}

func (h *harness) lastRecord(ctx context.Context, log *ledger.Log, at ledger.Position) (ledger.Raw, error) {
	var last ledger.Raw
	err := log.Range(ctx, at, at, func(raw ledger.Raw) error {
		last = raw
		return nil
	})
	return last, err
}

// forgedAgain returns a record in the place of another that says what an earlier one
// said, an example with its own features, under an id that nobody knows.
func (h *harness) forgedAgain(ctx context.Context, log *ledger.Log, place ledger.Raw) (ledger.Raw, error) {
	forged := place
	err := log.Range(ctx, 1, place.Position-1, func(raw ledger.Raw) error {
		var said feedback.Feedback
		if json.Unmarshal(raw.Data, &said) == nil && said.Features != nil && said.Signal != nil && raw.Header["ce-consent"][0] == "learn" {
			forged.Header, forged.Data, forged.Subject = raw.Header, raw.Data, raw.Subject
		}
		return nil
	})
	if err != nil {
		return forged, err
	}
	if forged.Subject == place.Subject {
		return forged, fmt.Errorf("no example with features of its own is in the log yet")
	}
	forged.Header["ce-id"] = []string{"sabotage-again"}
	return forged, nil
}
