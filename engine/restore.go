package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/replay"
)

// Restore replaces the state by one that Snapshot wrote under the same Config. read
// returns a part's bytes. On error the engine is as before.
func (e *Engine) Restore(read part.Reader) error {
	fresh, err := New(e.cfg, e.versions)
	if err != nil {
		return err
	}
	if err := fresh.restore(read); err != nil {
		return err
	}
	*e = *fresh
	return nil
}

func (e *Engine) restore(read part.Reader) error {
	var doc document
	if err := read.CBOR(PartEngine, &doc); err != nil {
		return err
	}
	if doc.Format != stateFormat {
		return fmt.Errorf("decode %s: format %d is not the format %d that this program reads", PartEngine, doc.Format, stateFormat)
	}
	if err := e.restoreGrowth(doc.Grown); err != nil {
		return fmt.Errorf("decode %s: %w", PartEngine, err)
	}
	if len(doc.Arms) != len(e.arms) {
		return fmt.Errorf("decode %s: %d arms, configured are %d", PartEngine, len(doc.Arms), len(e.arms))
	}
	var m meters
	if err := read.CBOR(PartMetrics, &m); err != nil {
		return err
	}
	if len(m.Arms) != len(e.arms) {
		return fmt.Errorf("decode %s: %d arms, configured are %d", PartMetrics, len(m.Arms), len(e.arms))
	}
	for i, a := range e.arms {
		if err := a.SetState(doc.Arms[i]); err != nil {
			return fmt.Errorf("decode %s: %w", PartEngine, err)
		}
		if err := a.Restore(armPrefix(i, a), read); err != nil {
			return err
		}
		if err := a.Meter().Restore(m.Arms[i]); err != nil {
			return fmt.Errorf("restore %s: %w", PartMetrics, err)
		}
	}
	var err error
	if e.seen, err = restoreSeen(e.cfg.Seen.MaxIDs, doc.SeenFirst, doc.Seen, read); err != nil {
		return err
	}
	if err := read.Restore(PartJoin, e.window.Restore); err != nil {
		return err
	}
	if err := read.Restore(PartGuard, e.scores.paired.Restore); err != nil {
		return err
	}
	if err := e.scores.restore(m); err != nil {
		return err
	}
	if err := e.anchors.Restore(doc.Anchors, read, e.fits, e.knows); err != nil {
		return err
	}
	if err := e.restoreChannels(doc, read); err != nil {
		return err
	}
	for i, p := range doc.Pending {
		if err := p.check(e.cfg, e.spec); err != nil {
			return fmt.Errorf("decode %s: pending %d: %w", PartEngine, i, err)
		}
	}
	e.position, e.time, e.counts, e.pending = doc.Position, doc.Time, doc.Counts, doc.Pending
	c := doc.Cadence
	e.cadence = cadence{
		changed: c.Changed, published: c.Published, dirty: c.Dirty,
		checkpoint: c.Checkpoint, sinceRecord: c.SinceRecord,
	}
	return nil
}

func (e *Engine) restoreChannels(doc document, read part.Reader) error {
	candidate, err := e.readRelease(read, PartCandidate, doc.Candidate)
	if err != nil {
		return err
	}
	stable, err := e.readRelease(read, PartStable, doc.Stable)
	if err != nil {
		return err
	}
	e.channels = channels{
		candidate: candidate,
		stable:    stable,
		pinned:    doc.Pinned,
		probation: doc.Probation,
	}
	e.channels.verdict.Action = guard.Action(doc.Verdict)
	e.channels.verdict.Reason = doc.Reason
	return e.scores.load(stable.weights, stable.spec)
}

// fits holds an example that was read back against the shapes of the arms' model.
func (e *Engine) fits(ex *replay.Example) error { return batch.Check(ex, e.spec) }

// knows holds weights that were read back against those that the arms grew from.
func (e *Engine) knows(weights *models.Frozen) error {
	_, err := e.specOf(weights)
	return err
}

// readRelease reads weights of any width up to the arms'.
func (e *Engine) readRelease(read part.Reader, name string, version uint64) (release, error) {
	weights, err := read.Tensors(name)
	if err != nil {
		return release{}, fmt.Errorf("restore %s: %w", name, err)
	}
	spec, err := e.specOf(weights)
	if err != nil {
		return release{}, fmt.Errorf("restore %s: %w", name, err)
	}
	return release{version: version, weights: weights, spec: spec}, nil
}

func (s *scores) restore(m meters) error {
	if err := s.served.Restore(m.Served); err != nil {
		return fmt.Errorf("restore %s: served: %w", PartMetrics, err)
	}
	if err := s.stable.Restore(m.Stable); err != nil {
		return fmt.Errorf("restore %s: stable: %w", PartMetrics, err)
	}
	return nil
}
