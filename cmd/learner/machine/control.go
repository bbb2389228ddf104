package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
)

// prepare completes a rollback before it goes into the log: the version must be whole
// and of this model's shape, is held in the store, and is named by the digest of its
// weights. Other controls pass as they are. The error is a *feedback.Refusal if the
// control cannot be carried out.
func (m *Machine) prepare(c *feedback.Control) error {
	if c.Action != feedback.Rollback {
		return nil
	}
	v := checkpoint.Version(c.Version)
	saved, err := m.Store.Get(v)
	if errors.Is(err, checkpoint.ErrNotFound) {
		return &feedback.Refusal{
			Code: feedback.CodeNoVersion, Field: "data.version", Rule: "must be a durable version",
			Detail: fmt.Sprintf("the store has %s; `learner checkpoint rebuild %d` writes version %d if it was published",
				nearest(m.Store, v), c.Version, c.Version),
		}
	}
	if err != nil {
		return fmt.Errorf("roll back to %s: %w", v, err)
	}
	defer saved.Close()
	man := saved.Manifest()
	digest, ok := man.WeightsDigest()
	if !ok {
		return fmt.Errorf("roll back to %s: it holds no weights", v)
	}
	if c.Digest != "" && c.Digest != digest {
		return &feedback.Refusal{
			Code: feedback.CodeNoVersion, Field: "data.digest", Rule: "must be the digest of the version's weights",
			Detail: "the store holds " + digest,
		}
	}
	// A record that cannot be applied would stop the learner: better to hear of it now.
	var spec models.Spec
	if err := json.Unmarshal(man.Spec, &spec); err != nil || !spec.GrewFrom(m.Spec, m.Config.MaxClasses) {
		return &feedback.Refusal{
			Code: feedback.CodeNoVersion, Field: "data.version", Rule: "must have the model's architecture",
			Detail: "it was learned as " + string(man.Spec),
		}
	}
	if _, err := saved.Weights(nil); err != nil {
		return fmt.Errorf("roll back to %s: %w", v, err)
	}
	c.Digest = digest
	return hold(m.Store, v, 0)
}

// Decide brings a control into the log: prepared, appended, and held. One call at a time.
func (m *Machine) Decide(ctx context.Context, ev feedback.Event) ([]ledger.Receipt, error) {
	var c feedback.Control
	if err := json.Unmarshal(ev.Data, &c); err != nil {
		return nil, fmt.Errorf("decode control: %w", err)
	}
	if err := m.prepare(&c); err != nil {
		return nil, err
	}
	var err error
	if ev.Data, err = json.Marshal(c); err != nil {
		return nil, fmt.Errorf("encode control: %w", err)
	}
	receipts, err := m.Log.Append(ctx, []feedback.Event{ev})
	if len(receipts) == 1 && receipts[0].Err != nil {
		return nil, receipts[0].Err
	}
	if len(receipts) != 1 || receipts[0].Position == 0 {
		// It may be in the log: what is held stays held until the next start.
		return receipts, err
	}
	held := m.Hold(&c, receipts[0].Position)
	if held == nil && c.Action == feedback.Rollback {
		held = m.letGo(holdTag(checkpoint.Version(c.Version), 0))
	}
	if held != nil {
		m.logger.Warn("the record is in the log; its version is held until the next start", "error", held)
	}
	return receipts, err
}

// nearest names the durable versions before and after one.
func nearest(store *checkpoint.Store, v checkpoint.Version) string {
	list, err := store.Versions()
	if err != nil || len(list) == 0 {
		return "none yet"
	}
	var before, after checkpoint.Version
	for _, m := range list { // the newest first
		switch {
		case m.Version > v:
			after = m.Version
		case before == 0:
			before = m.Version
		}
	}
	switch {
	case after == 0:
		return before.String() + " before it"
	case before == 0:
		return after.String() + " after it"
	}
	return before.String() + " before it and " + after.String() + " after it"
}
