package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// An operator pins, unpins, promotes, and some times rolls back.
type operator struct {
	model string
	rng   *rand.Rand
	post  *poster
	book  *Book
	every time.Duration
	// rollbacks is how many may still be made: each keeps its version for ever.
	rollbacks int
	// damaged reports whether the harness has broken a version.
	damaged func(model string, version uint64) bool
	next    int
}

func (o *operator) run(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(o.every/2 + time.Duration(o.rng.Int64N(int64(o.every)))):
		}
		if err := o.decide(ctx); err != nil {
			return
		}
	}
}

func (o *operator) decide(ctx context.Context) error {
	control := map[string]any{"reason": "crash test", "actor": "bench"}
	switch k := o.rng.IntN(9); {
	case k < 3:
		control["action"] = "unpin"
	case k < 5:
		control["action"] = "promote"
	case k < 6:
		control["action"] = "pin"
	case k < 7:
		control["action"], control["task"] = "boundary", "shift"
	default:
		if o.rollbacks == 0 {
			return nil
		}
		v, ok, err := o.version(ctx)
		if err != nil || !ok {
			return err
		}
		o.rollbacks--
		control["action"], control["version"], control["learner"] = "rollback", v, o.rng.IntN(2) == 0
		control["unpinned"] = o.rng.IntN(2) == 0
	}
	body, err := json.Marshal(control)
	if err != nil {
		return fmt.Errorf("encode a control: %w", err)
	}
	o.next++
	id := fmt.Sprintf("c-%s-%d", o.model, o.next)
	status, answer, err := o.post.do(ctx, http.MethodPost, "/v1/models/"+o.model+"/control",
		http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {id}}, body)
	if err != nil {
		return err
	}
	rollback := control["action"] == "rollback"
	var doc struct {
		Position uint64 `json:"position"`
		Code     string `json:"code"`
	}
	switch err := json.Unmarshal(answer, &doc); {
	case err == nil && status == http.StatusAccepted:
		o.book.Stored(o.model, id, doc.Position)
		o.book.count(func(s *Stats) {
			s.Controls++
			s.Accepted++
			if rollback {
				s.Rollbacks++
			}
		})
	case rollback && doc.Code == "no_such_version": // retention was faster
	default:
		o.book.Fault("control %s: %d %.300s", body, status, answer)
	}
	return nil
}

// version picks a whole version that is durable now.
func (o *operator) version(ctx context.Context) (uint64, bool, error) {
	status, answer, err := o.post.do(ctx, http.MethodGet, "/v1/models/"+o.model+"/versions", http.Header{}, nil)
	if err != nil {
		return 0, false, err
	}
	var doc struct {
		Versions []struct {
			Version uint64            `json:"version"`
			Summary map[string]string `json:"summary"`
		} `json:"versions"`
	}
	if status != http.StatusOK || json.Unmarshal(answer, &doc) != nil {
		o.book.Fault("versions: %d %.300s", status, answer)
		return 0, false, nil
	}
	var whole []uint64
	for _, v := range doc.Versions {
		if v.Summary["kind"] != "weights" && !o.damaged(o.model, v.Version) {
			whole = append(whole, v.Version)
		}
	}
	if len(whole) == 0 {
		return 0, false, nil
	}
	return whole[o.rng.IntN(len(whole))], true, nil
}
