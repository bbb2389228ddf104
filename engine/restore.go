package engine

import (
	"fmt"

	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/models"
)

// Restore replaces the state by one that Snapshot wrote under the same Config. read
// returns a part's bytes. On error the engine is as before.
func (e *Engine) Restore(read func(name string) ([]byte, error)) error {
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

func (e *Engine) restore(read func(name string) ([]byte, error)) error {
	var doc document
	if err := readCBOR(read, PartEngine, &doc); err != nil {
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
	if err := readCBOR(read, PartMetrics, &m); err != nil {
		return err
	}
	if len(m.Arms) != len(e.arms) {
		return fmt.Errorf("decode %s: %d arms, configured are %d", PartMetrics, len(m.Arms), len(e.arms))
	}
	for i, a := range e.arms {
		if doc.Arms[i].Name != a.cfg.Name {
			return fmt.Errorf("decode %s: arm %q, configured is %q", PartEngine, doc.Arms[i].Name, a.cfg.Name)
		}
		a.counts, a.since = doc.Arms[i].Counts, doc.Arms[i].Since
		if err := setFlags(a.classes.seen, doc.Arms[i].Seen); err != nil {
			return fmt.Errorf("decode %s: arm %q: %w", PartEngine, a.cfg.Name, err)
		}
		if a.drift != nil && doc.Arms[i].Drift != nil {
			if err := a.drift.Restore(*doc.Arms[i].Drift); err != nil {
				return fmt.Errorf("decode %s: arm %q: %w", PartEngine, a.cfg.Name, err)
			}
		}
		if a.teacher != nil {
			if err := setFlags(a.teacher.known, doc.Arms[i].Known); err != nil {
				return fmt.Errorf("decode %s: arm %q: teacher: %w", PartEngine, a.cfg.Name, err)
			}
			a.teacher.at = doc.Arms[i].Teacher
			a.teacher.group(a.heads.list())
		}
		if err := a.restore(armPrefix(i, a), m.Arms[i], read); err != nil {
			return err
		}
	}
	var err error
	if e.seen, err = restoreSeen(e.cfg.Seen.MaxIDs, doc.SeenFirst, doc.Seen, read); err != nil {
		return err
	}
	if err := restorePart(read, PartJoin, e.window.Restore); err != nil {
		return err
	}
	if err := restorePart(read, PartGuard, e.scores.paired.Restore); err != nil {
		return err
	}
	if err := e.scores.restore(m); err != nil {
		return err
	}
	if err := e.restoreAnchors(doc.Anchors, read); err != nil {
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

func (e *Engine) restoreChannels(doc document, read func(string) ([]byte, error)) error {
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

// readRelease reads weights of any width up to the arms'.
func (e *Engine) readRelease(read func(string) ([]byte, error), name string, version uint64) (release, error) {
	weights, err := readTensors(read, name)
	if err != nil {
		return release{}, fmt.Errorf("restore %s: %w", name, err)
	}
	spec, err := e.specOf(weights)
	if err != nil {
		return release{}, fmt.Errorf("restore %s: %w", name, err)
	}
	return release{version: version, weights: weights, spec: spec}, nil
}

func (a *arm) restore(prefix string, meter []byte, read func(string) ([]byte, error)) error {
	weights, err := readWeights(read, prefix+PartWeights, a.model.Params())
	if err != nil {
		return err
	}
	if err := a.load(weights); err != nil {
		return fmt.Errorf("restore %s: %w", prefix+PartWeights, err)
	}
	if err := a.restoreOptimizer(read, prefix+PartOptimizer); err != nil {
		return fmt.Errorf("restore %s: %w", prefix+PartOptimizer, err)
	}
	if err := a.restoreMemory(read, prefix+PartReplay, a.memory); err != nil {
		return err
	}
	if a.teacher != nil {
		weights, err := readWeights(read, prefix+PartTeacher, a.model.Params())
		if err != nil {
			return err
		}
		if err := a.teacher.load(weights); err != nil {
			return fmt.Errorf("restore %s: %w", prefix+PartTeacher, err)
		}
	}
	if a.phase != nil {
		if err := a.restoreMemory(read, prefix+PartPhase, a.phase); err != nil {
			return err
		}
	}
	if err := a.meter.Restore(meter); err != nil {
		return fmt.Errorf("restore %s: %w", PartMetrics, err)
	}
	return nil
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

// check holds a pending example that was read back against the model's shapes.
func (p pending) check(cfg Config, spec models.Spec) error {
	known := spec.Outputs()
	spec.Classes = max(spec.Classes, cfg.MaxClasses) // a class that waits to be learned may be new
	if err := checkExample(p.Example, spec); err != nil {
		return err
	}
	if p.Outputs != nil && (len(p.Outputs) < cfg.Spec.Outputs() || len(p.Outputs) > known) {
		return fmt.Errorf("example %s has %d outputs, the model %d", p.Example.ID, len(p.Outputs), known)
	}
	return nil
}

func restorePart(read func(string) ([]byte, error), name string, restore func([]byte) error) error {
	data, err := read(name)
	if err != nil {
		return err
	}
	if err := restore(data); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	return nil
}

func readCBOR(read func(string) ([]byte, error), name string, v any) error {
	return restorePart(read, name, func(data []byte) error { return canonical.Unmarshal(data, v) })
}
