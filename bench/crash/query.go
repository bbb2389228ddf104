package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"time"
)

// stillFor is how long a log must not grow to be at rest: longer than any cadence of
// the configuration.
const stillFor = 500 * time.Millisecond

// still waits until the logs and the learners that read them stand still. A learner
// may stand before the end of its log: erased records were the last ones.
func (h *harness) still(ctx context.Context) error {
	deadline := time.Now().Add(drainWithin)
	last, since := "", time.Now()
	for time.Now().Before(deadline) {
		now := ""
		for _, m := range h.set.config.Models {
			position, end, err := h.where(ctx, m.Name)
			if err != nil {
				return err
			}
			now += fmt.Sprintf("%s %d of %d ", m.Name, position, end)
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) >= stillFor {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.report.violate("the logs were not still after %v: %s", drainWithin, last)
	return nil
}

// where asks a learner how far it has read its log, and where the log ends.
func (h *harness) where(ctx context.Context, model string) (position, end uint64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.set.http+"/v1/models/"+model, nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := h.http.Do(req)
	if err != nil {
		return 0, 0, fmt.Errorf("ask where the learner is: %w", err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, 0, err
	}
	var doc struct {
		Learner *struct {
			Position uint64 `json:"position"`
			Log      struct {
				Last uint64 `json:"last"`
			} `json:"log"`
		} `json:"learner"`
	}
	if err := json.Unmarshal(data, &doc); err != nil || doc.Learner == nil {
		return 0, 0, fmt.Errorf("ask where the learner is: %s: %.200s", resp.Status, data)
	}
	return doc.Learner.Position, doc.Learner.Log.Last, nil
}

// A stateHash is what 'learner state hash --json' answers.
type stateHash struct {
	Position uint64 `json:"position"`
	Hash     string `json:"hash"`
	From     uint64 `json:"from"`
}

// ask runs 'learner state hash' over the stopped store, under one of the configurations.
func (h *harness) ask(ctx context.Context, model, file string, more ...string) (stateHash, error) {
	args := append([]string{"state", "hash", "--json", "--log-level", "error", "--config", file, "--model", model}, more...)
	out, err := exec.CommandContext(ctx, h.binary, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return stateHash{}, fmt.Errorf("learner state hash %v of %s: %w: %s", more, model, err, exit.Stderr)
	}
	var s stateHash
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		return s, fmt.Errorf("learner state hash of %s: %w", model, err)
	}
	return s, nil
}

// tails notes the state of each model after a crash: its newest version and the tail of
// the log.
func (h *harness) tails(ctx context.Context) error {
	for _, m := range h.set.config.Models {
		s, err := h.ask(ctx, m.Name, h.set.file)
		if err != nil {
			h.report.violate("%v", err)
			continue
		}
		h.report.tails[m.Name] = s.Position - s.From
		h.store.note(m.Name, s.Position, s.Hash, h.report, "the newest version and its tail")
	}
	return nil
}
