package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// memory bounds what a client remembers of what it sent lately, and of all that it
// ever sent.
const (
	lately = 60
	ever   = 400
)

// A client predicts and gives feedback, one thing after another, and sends each until
// it is acknowledged.
type client struct {
	name  string
	model Model
	rng   *rand.Rand
	post  *poster
	book  *Book
	pause time.Duration // the longest between two rounds

	next   int
	served []row     // predictions acknowledged lately
	said   []message // feedback sent lately
	old    []message // a sample of all feedback ever sent
	gone   []string  // a sample of all prediction ids ever served
	n      int       // of all feedback
}

func (c *client) id(kind string) string {
	c.next++
	return fmt.Sprintf("%s-%s-%d", kind, c.name, c.next)
}

// run works until stop closes, finishing what it began.
func (c *client) run(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(c.rng.Int64N(int64(c.pause)))):
		}
		if err := c.round(ctx); err != nil {
			return
		}
	}
}

// round sends some predictions and some feedback: in this order, feedback first, or
// both at once.
func (c *client) round(ctx context.Context) error {
	rows := make([]row, 1+c.rng.IntN(3))
	for i := range rows {
		rows[i] = c.model.draw(c.rng, c.id("p"))
	}
	consent := c.pick("", "", "", "", "", "", "learn", "learn", "measure", "none")
	infer := func() error { return c.infer(ctx, rows, consent) }
	var about []row
	var sent []message
	tell := func() error { return c.feedback(ctx, sent) }

	switch k := c.rng.IntN(10); {
	case k == 0: // feedback that is there before its prediction
		sent = c.early(rows)
		if err := tell(); err != nil {
			return err
		}
		return infer()
	case k == 1: // feedback while the prediction is under way
		sent = c.early(rows)
		var other sync.WaitGroup
		var inferred error
		other.Go(func() { inferred = infer() })
		if err := tell(); err != nil {
			return err
		}
		other.Wait()
		return inferred
	default:
		if err := infer(); err != nil {
			return err
		}
		if consent != "none" {
			c.served = append(c.served, rows...)
			c.served = c.served[max(0, len(c.served)-lately):]
			about = rows
		}
		sent = c.talk(about)
		return tell()
	}
}

func (c *client) early(rows []row) []message {
	var list []message
	for _, x := range rows {
		list = append(list, newMessage(c.id("f"), c.subject(), "", c.label(x), stored))
	}
	return list
}

// predictionEvent makes the id of a prediction's event from the prediction's, as
// docs/http.md says.
const predictionEvent = "prediction:"

// infer asks for predictions under the client's own ids.
func (c *client) infer(ctx context.Context, rows []row, consent string) error {
	ids := make([]string, len(rows))
	for i, x := range rows {
		ids[i] = x.id
	}
	parameters := map[string]any{"subject": c.subject(), "prediction_ids": ids}
	if consent != "" {
		parameters["consent"] = consent
	}
	body, err := json.Marshal(map[string]any{"parameters": parameters, "inputs": c.model.tensors(rows)})
	if err != nil {
		return fmt.Errorf("encode an inference: %w", err)
	}
	status, answer, err := c.post.do(ctx, http.MethodPost, "/v2/models/"+c.model.Name+"/infer",
		http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		c.book.Fault("infer %v: %d %.300s", ids, status, answer)
		return nil
	}
	if got, ok := predictionIDs(answer); !ok || !slices.Equal(got, ids) {
		c.book.Fault("infer %v: the answer is about %v: %.300s", ids, got, answer)
		return nil
	}
	for _, id := range ids {
		if consent == "none" {
			c.book.Ban(c.model.Name, predictionEvent+id, "prediction without consent")
			continue
		}
		c.book.Stored(c.model.Name, predictionEvent+id, 0)
		c.gone = sample(c.rng, c.gone, id, c.next)
	}
	c.book.count(func(s *Stats) {
		if consent == "none" {
			s.Withheld += len(ids)
		} else {
			s.Accepted += len(ids)
		}
	})
	return nil
}

// predictionIDs reads the tensor prediction_id of an answer.
func predictionIDs(answer []byte) ([]string, bool) {
	var doc struct {
		Outputs []struct {
			Name string            `json:"name"`
			Data []json.RawMessage `json:"data"`
		} `json:"outputs"`
	}
	if json.Unmarshal(answer, &doc) != nil {
		return nil, false
	}
	for _, out := range doc.Outputs {
		if out.Name != "prediction_id" {
			continue
		}
		ids := make([]string, len(out.Data))
		for i, raw := range out.Data {
			if json.Unmarshal(raw, &ids[i]) != nil {
				return nil, false
			}
		}
		return ids, true
	}
	return nil, false
}

// feedback sends a batch and holds the answer against what must become of each event.
func (c *client) feedback(ctx context.Context, list []message) error {
	if len(list) == 0 {
		return nil
	}
	status, answer, err := c.post.do(ctx, http.MethodPost, "/v1/models/"+c.model.Name+"/feedback",
		http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, batch(list))
	if err != nil {
		return err
	}
	results, err := readResults(status, answer, len(list))
	if err != nil {
		c.book.Fault("feedback of %d events: %d %v: %.300s", len(list), status, err, answer)
		return nil
	}
	for i, m := range list {
		c.judge(m, results[i])
		c.said = append(c.said, m)
		c.said = c.said[max(0, len(c.said)-lately):]
		c.n++
		c.old = sample(c.rng, c.old, m, c.n)
	}
	return nil
}

// A result is what the answer says of one event.
type result struct {
	Index     int    `json:"index"`
	ID        string `json:"id"`
	Position  uint64 `json:"position"`
	Duplicate bool   `json:"duplicate"`
	Code      string `json:"code"`
}

// readResults reads the answer to a batch of n events: 202 with a result for each, or a
// problem that lists them, or, for a single event, one that is about it.
func readResults(status int, answer []byte, n int) ([]result, error) {
	var doc struct {
		Results []result `json:"results"`
		Errors  []result `json:"errors"`
		Code    string   `json:"code"`
	}
	if err := json.Unmarshal(answer, &doc); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	var list []result
	switch {
	case status == http.StatusAccepted:
		list = doc.Results
	case status == http.StatusBadRequest && n == 1 && doc.Errors == nil:
		list = []result{{Code: doc.Code}}
	case status == http.StatusBadRequest:
		list = doc.Errors
	default:
		return nil, fmt.Errorf("status is neither 202 nor 400")
	}
	if len(list) != n {
		return nil, fmt.Errorf("%d results for %d events", len(list), n)
	}
	for i, r := range list {
		if r.Index != i {
			return nil, fmt.Errorf("result %d is about event %d", i, r.Index)
		}
	}
	return list, nil
}

func (c *client) judge(m message, r result) {
	switch {
	case r.Code == "" && m.fate == stored && r.ID == m.id:
		c.book.Stored(c.model.Name, m.id, r.Position)
		c.book.count(func(s *Stats) {
			if r.Duplicate {
				s.Known++
			} else {
				s.Accepted++
			}
		})
	case r.Code == "consent_refused" && m.fate == withheld && r.ID == "":
		c.book.Ban(c.model.Name, m.id, "feedback without consent")
		c.book.count(func(s *Stats) { s.Withheld++ })
	case r.Code != "" && r.Code != "consent_refused" && m.fate == refused:
		c.book.Ban(c.model.Name, m.id, "refused feedback")
		c.book.count(func(s *Stats) { s.Refused++ })
	default:
		c.book.Fault("event %s: wrong answer %+v to %s", m.id, r, m.body)
	}
}

func (c *client) subject() string { return fmt.Sprintf("person-%d", c.rng.IntN(200)) }

func (c *client) pick(of ...string) string { return of[c.rng.IntN(len(of))] }

// sample keeps each of n things seen so far with equal probability.
func sample[T any](r *rand.Rand, kept []T, v T, n int) []T {
	if len(kept) < ever {
		return append(kept, v)
	}
	if i := r.IntN(max(n, 1)); i < ever {
		kept[i] = v
	}
	return kept
}
