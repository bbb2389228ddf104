package arm

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/part"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/replay"
)

// Names of an arm's parts, after its prefix.
const (
	PartWeights   = "weights"
	PartOptimizer = "optimizer"
	PartReplay    = "replay"
	PartPhase     = "phase"
	PartTeacher   = "teacher"
)

// A State is what an arm holds beside its parts and its meter.
type State struct {
	Name   string `cbor:"name"`
	Counts Counts `cbor:"counts"`
	// Seen lists the classes that were in a step, in their order, where the loss goes
	// by them.
	Seen []int `cbor:"seen,omitempty"`
	// Since is the number of examples since the last consolidation.
	Since uint64 `cbor:"since"`
	// Teacher is where the arm last consolidated, and Known the classes seen by then;
	// where the loss needs a teacher.
	Teacher uint64 `cbor:"teacher,omitempty"`
	Known   []int  `cbor:"known,omitempty"`
	// Drift is the detector's state, where there is one.
	Drift *guard.DriftState `cbor:"drift,omitempty"`
}

// State returns the arm's state.
func (a *Arm) State() State {
	st := State{Name: a.cfg.Name, Counts: a.counts, Seen: listFlags(a.classes.seen), Since: a.since}
	if a.teacher != nil {
		st.Teacher, st.Known = a.teacher.at, listFlags(a.teacher.known)
	}
	if a.drift != nil {
		drift := a.drift.State()
		st.Drift = &drift
	}
	return st
}

// SetState gives an arm before its first step what State returned of one with its name.
func (a *Arm) SetState(st State) error {
	if st.Name != a.cfg.Name {
		return fmt.Errorf("arm %q, configured is %q", st.Name, a.cfg.Name)
	}
	a.counts, a.since = st.Counts, st.Since
	if err := setFlags(a.classes.seen, st.Seen); err != nil {
		return fmt.Errorf("arm %q: %w", a.cfg.Name, err)
	}
	if a.drift != nil && st.Drift != nil {
		if err := a.drift.Restore(*st.Drift); err != nil {
			return fmt.Errorf("arm %q: %w", a.cfg.Name, err)
		}
	}
	if a.teacher != nil {
		if err := setFlags(a.teacher.known, st.Known); err != nil {
			return fmt.Errorf("arm %q: teacher: %w", a.cfg.Name, err)
		}
		a.teacher.at = st.Teacher
		a.teacher.group(a.heads.Heads())
	}
	return nil
}

// Parts returns weights, optimizer and memories, in a fixed order, under names that begin
// with a prefix.
func (a *Arm) Parts(prefix string) []part.Part {
	step := a.step.Freeze()
	parts := part.Tensors(prefix+PartWeights, a.Freeze())
	parts = append(parts, part.Optimizer(prefix+PartOptimizer, step)...)
	parts = append(parts, part.Memory(prefix+PartReplay, a.memory)...)
	if a.teacher != nil {
		parts = append(parts, part.Tensors(prefix+PartTeacher, a.teacher.weights)...)
	}
	if a.phase != nil {
		parts = append(parts, part.Memory(prefix+PartPhase, a.phase)...)
	}
	return parts
}

// Restore reads what Parts wrote. After an error the arm is of no use.
func (a *Arm) Restore(prefix string, read part.Reader) error {
	weights, err := read.Weights(prefix+PartWeights, a.model.Params())
	if err != nil {
		return err
	}
	if err := a.load(weights); err != nil {
		return fmt.Errorf("restore %s: %w", prefix+PartWeights, err)
	}
	if err := a.restoreOptimizer(prefix+PartOptimizer, read); err != nil {
		return fmt.Errorf("restore %s: %w", prefix+PartOptimizer, err)
	}
	if err := a.restoreMemory(prefix+PartReplay, read, a.memory); err != nil {
		return err
	}
	if a.teacher != nil {
		weights, err := read.Weights(prefix+PartTeacher, a.model.Params())
		if err != nil {
			return err
		}
		if err := a.teacher.load(weights); err != nil {
			return fmt.Errorf("restore %s: %w", prefix+PartTeacher, err)
		}
	}
	if a.phase != nil {
		return a.restoreMemory(prefix+PartPhase, read, a.phase)
	}
	return nil
}

func (a *Arm) restoreOptimizer(name string, read part.Reader) error {
	st, err := read.Optimizer(name)
	if err != nil {
		return err
	}
	return a.step.Restore(st)
}

func (a *Arm) restoreMemory(name string, read part.Reader, m replay.Memory) error {
	spec := a.model.Spec()
	return read.Memory(name, m, func(ex *replay.Example) error { return batch.Check(ex, spec) })
}
