package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// A client speaks Open Inference Protocol and CloudEvents to the learner, as any
// application would.
type client struct {
	base string
	body bytes.Buffer
}

// predictionID names the prediction of half-hour t. The demo names them itself, so that
// a request that is sent again after a crash is the same prediction.
func predictionID(t int) string { return "elec2-" + strconv.Itoa(t) }

// infer predicts half-hours from to to-1. It returns p(up) of each and the version that
// answered.
func (c *client) infer(ctx context.Context, stream []halfHour, from, to int) ([]float64, uint64, error) {
	n := to - from
	data := make([]float64, 0, n*len(features))
	ids := make([]string, 0, n)
	for t := from; t < to; t++ {
		data = encode(data, stream, t)
		ids = append(ids, predictionID(t))
	}
	var answer struct {
		Version string `json:"model_version"`
		Outputs []struct {
			Name string    `json:"name"`
			Data []float64 `json:"data"`
		} `json:"outputs"`
	}
	err := c.post(ctx, "/v2/models/elec2/infer", "application/json", map[string]any{
		"inputs": []any{map[string]any{
			"name": "features", "datatype": "FP64", "shape": []int{n, len(features)}, "data": data,
		}},
		"outputs":    []any{map[string]any{"name": "probabilities"}},
		"parameters": map[string]any{"subject": "nsw", "prediction_ids": ids},
	}, http.StatusOK, &answer)
	if err != nil {
		return nil, 0, err
	}
	version, err := strconv.ParseUint(answer.Version, 10, 64)
	if err != nil || len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != n {
		return nil, 0, fmt.Errorf("infer: unexpected answer: version %q, %d outputs", answer.Version, len(answer.Outputs))
	}
	return answer.Outputs[0].Data, version, nil
}

// label sends the outcomes of half-hours from to to-1 as one batch of CloudEvents, each
// turned around if flip. It returns the position of the last one in the log.
func (c *client) label(ctx context.Context, stream []halfHour, from, to int, flip bool) (uint64, error) {
	events := make([]any, 0, to-from)
	for t := from; t < to; t++ {
		value := 0.0
		if stream[t].up != flip {
			value = 1
		}
		events = append(events, map[string]any{
			"specversion": "1.0", "type": "perennial.feedback.v1", "source": "demo/market",
			"id": "outcome-" + strconv.Itoa(t), "subject": "nsw", "datacontenttype": "application/json",
			"data": map[string]any{
				"prediction_id": predictionID(t),
				"signal":        map[string]any{"kind": "label", "value": value},
			},
		})
	}
	var answer struct {
		Refused int `json:"refused"`
		Results []struct {
			Position uint64 `json:"position"`
			Code     string `json:"code"`
		} `json:"results"`
	}
	if err := c.post(ctx, "/v1/feedback", "application/cloudevents-batch+json", events, http.StatusAccepted, &answer); err != nil {
		return 0, err
	}
	if answer.Refused != 0 || len(answer.Results) != len(events) {
		return 0, fmt.Errorf("feedback: %d of %d outcomes were refused", answer.Refused, len(events))
	}
	last := uint64(0)
	for _, r := range answer.Results {
		last = max(last, r.Position)
	}
	return last, nil
}

// rollback asks for stable, and the learner, to go back to a version.
func (c *client) rollback(ctx context.Context, version uint64) (uint64, error) {
	var answer struct {
		Position uint64 `json:"position"`
	}
	err := c.post(ctx, "/v1/models/elec2/control", "application/json", map[string]any{
		"action": "rollback", "version": version, "learner": true, "unpinned": true,
		"reason": "a burst of flipped labels", "actor": "demo",
	}, http.StatusAccepted, &answer)
	return answer.Position, err
}

// boundary says that a season ends.
func (c *client) boundary(ctx context.Context, season string) (uint64, error) {
	var answer struct {
		Position uint64 `json:"position"`
	}
	err := c.post(ctx, "/v1/models/elec2/control", "application/json", map[string]any{
		"action": "boundary", "task": season, "actor": "demo",
	}, http.StatusAccepted, &answer)
	return answer.Position, err
}

// kept is the part of GET /v1/models/elec2/metrics that says what the learner kept of
// seasons that ended.
type kept struct {
	Retention *float64 `json:"retention"`
	Forward   *float64 `json:"forward_transfer"`
	Anytime   *float64 `json:"anytime_accuracy"`
	Minimum   *float64 `json:"minimum_accuracy"`
	WorstCase *float64 `json:"worst_case_accuracy"`
	Phases    []struct {
		Ended   uint64  `json:"ended"` // 0 for the season in progress
		AtEnd   float64 `json:"at_end"`
		Current float64 `json:"current"`
	} `json:"phases"`
}

// kept returns nil before the first look at what was set aside.
func (c *client) kept(ctx context.Context) (*kept, error) {
	var answer struct {
		Anchors *kept `json:"anchors"`
	}
	err := c.get(ctx, "/v1/models/elec2/metrics", &answer)
	return answer.Anchors, err
}

// status is the part of GET /v1/models/elec2 that the demo shows.
type status struct {
	Learner struct {
		Position uint64            `json:"position"`
		Durable  uint64            `json:"durable"`
		Counters map[string]uint64 `json:"counters"`
	} `json:"learner"`
	Channels map[string]struct {
		Version uint64 `json:"version"`
	} `json:"channels"`
}

func (c *client) status(ctx context.Context) (status, error) {
	var s status
	err := c.get(ctx, "/v1/models/elec2", &s)
	return s, err
}

// version is the part of GET /v1/models/elec2/versions that the demo needs.
type version struct {
	Version uint64 `json:"version"`
}

func (c *client) versions(ctx context.Context) ([]version, error) {
	var answer struct {
		Versions []version `json:"versions"`
	}
	err := c.get(ctx, "/v1/models/elec2/versions", &answer)
	return answer.Versions, err
}

func (c *client) post(ctx context.Context, path, contentType string, body any, want int, answer any) error {
	c.body.Reset()
	if err := json.NewEncoder(&c.body).Encode(body); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, bytes.NewReader(c.body.Bytes()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	return do(req, want, answer)
}

func (c *client) get(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return err
	}
	return do(req, http.StatusOK, answer)
}

func do(req *http.Request, want int, answer any) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, bytes.TrimSpace(data))
	}
	return json.Unmarshal(data, answer)
}
