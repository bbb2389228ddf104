package machine

import (
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/feedback"
)

// Prepare completes a rollback before it goes into the log: the version must be in
// the store, is pinned there for as long as the record may be scanned again, and is
// named by the digest of its weights. Other controls pass as they are. The error is a
// *feedback.Refusal if the control cannot be carried out.
func Prepare(store *checkpoint.Store, c *feedback.Control) error {
	if c.Action != feedback.Rollback {
		return nil
	}
	v := checkpoint.Version(c.Version)
	saved, err := store.Get(v)
	if errors.Is(err, checkpoint.ErrNotFound) {
		return &feedback.Refusal{
			Code: feedback.CodeNoVersion, Field: "data.version", Rule: "must be a durable version",
			Detail: fmt.Sprintf("the store has %s; `learner checkpoint rebuild %d` writes version %d if it was published",
				nearest(store, v), c.Version, c.Version),
		}
	}
	if err != nil {
		return fmt.Errorf("roll back to %s: %w", v, err)
	}
	defer saved.Close()
	man := saved.Manifest()
	info, ok := man.Blob(checkpoint.WeightsBlob)
	if !ok {
		return fmt.Errorf("roll back to %s: it holds no weights", v)
	}
	if c.Digest != "" && c.Digest != info.Digest {
		return &feedback.Refusal{
			Code: feedback.CodeNoVersion, Field: "data.digest", Rule: "must be the digest of the version's weights",
			Detail: "the store holds " + info.Digest,
		}
	}
	c.Digest = info.Digest
	if err := store.Tag(RollbackTag(v), v); err != nil {
		return fmt.Errorf("pin %s: %w", v, err)
	}
	return nil
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

// RollbackTag is the tag that keeps a version that a rollback record names.
func RollbackTag(v checkpoint.Version) string { return "rollback-" + v.String() }
