package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/replay"
)

// Names of the parts of the first arm and of the front. The parts of a further arm
// are named "NAME.weights", "NAME.optimizer" and so on.
const (
	PartEngine    = "engine"
	PartWeights   = "weights"
	PartCandidate = "candidate"
	PartStable    = "stable"
	PartOptimizer = "optimizer"
	PartReplay    = "replay"
	PartPhase     = "phase"
	PartTeacher   = "teacher"
	PartJoin      = "join"
	PartGuard     = "guard"
	PartMetrics   = "metrics"
)

const (
	mediaCBOR = "application/cbor"
)

// A Part is one piece of a snapshot. Write may be called at any time, from any
// goroutine, and writes the same bytes each time.
type Part struct {
	Name      string
	MediaType string
	Write     func(io.Writer) error
	// Seal, if not nil, knows the digest of the bytes once Write has succeeded. Parts
	// whose content has not changed share it with those of the snapshot before, so that
	// what was written then need not be written anew.
	Seal *seal.Seal
}

// stateFormat is raised with each incompatible change of the document.
const stateFormat = 1

// document is what the engine holds beside tensors, memories and the join window.
type document struct {
	Format    int        `cbor:"format"`
	Position  uint64     `cbor:"position"`
	Time      int64      `cbor:"time"`
	Counts    Counts     `cbor:"counts"`
	Pending   []pending  `cbor:"pending"`
	Candidate uint64     `cbor:"candidate"`
	Stable    uint64     `cbor:"stable"`
	Pinned    bool       `cbor:"pinned"`
	Probation bool       `cbor:"probation"`
	Verdict   string     `cbor:"verdict"`
	Reason    string     `cbor:"reason"`
	Cadence   cadenceDoc `cbor:"cadence"`
	SeenFirst uint64     `cbor:"seen_first"`
	Seen      []string   `cbor:"seen"`
	Arms      []armDoc   `cbor:"arms"`
	// Anchors is absent if there are none.
	Anchors *anchorsDoc `cbor:"anchors,omitempty"`
	Grown   []Growth    `cbor:"grown,omitempty"`
}

type cadenceDoc struct {
	Changed     bool   `cbor:"changed"`
	Published   int64  `cbor:"published"`
	Dirty       bool   `cbor:"dirty"`
	Checkpoint  int64  `cbor:"checkpoint"`
	SinceRecord uint64 `cbor:"since_record"`
}

type armDoc struct {
	Name   string    `cbor:"name"`
	Counts ArmCounts `cbor:"counts"`
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

// meters are the prequential meters' own documents.
type meters struct {
	Served []byte   `cbor:"served"`
	Stable []byte   `cbor:"stable"`
	Arms   [][]byte `cbor:"arms"`
}

// Snapshot returns the state in parts, in a fixed order. It copies what changed of weights
// and optimizer state since the last one and shares the rest, so that the pause is short;
// the parts are encoded when they are written. What is large is in several parts, so that
// those that did not change need not be written again.
func (e *Engine) Snapshot() ([]Part, error) {
	doc, err := e.document()
	if err != nil {
		return nil, err
	}
	m := meters{}
	if m.Served, err = e.scores.served.Snapshot(); err != nil {
		return nil, err
	}
	if m.Stable, err = e.scores.stable.Snapshot(); err != nil {
		return nil, err
	}
	paired, err := e.scores.paired.Snapshot()
	if err != nil {
		return nil, err
	}
	parts := []Part{cborPart(PartEngine, doc)}
	parts = append(parts, tensorParts(PartCandidate, e.channels.candidate.weights)...)
	parts = append(parts, tensorParts(PartStable, e.channels.stable.weights)...)
	parts = append(parts,
		Part{Name: PartJoin, MediaType: mediaCBOR, Write: e.window.Snapshot().Write},
		Part{Name: PartGuard, MediaType: mediaCBOR, Write: writeBytes(paired)})
	for i, a := range e.arms {
		bytes, err := a.meter.Snapshot()
		if err != nil {
			return nil, err
		}
		m.Arms = append(m.Arms, bytes)
		parts = append(parts, a.parts(armPrefix(i, a))...)
	}
	parts = append(parts, cborPart(PartMetrics, m))
	parts = append(parts, e.anchors.parts()...)
	return append(parts, e.seen.parts()...), nil
}

func (e *Engine) document() (document, error) {
	c := e.cadence
	doc := document{
		Format:    stateFormat,
		Position:  e.position,
		Time:      e.time,
		Counts:    e.counts,
		Pending:   slices.Clone(e.pending),
		Candidate: e.channels.candidate.version,
		Stable:    e.channels.stable.version,
		Pinned:    e.channels.pinned,
		Probation: e.channels.probation,
		Verdict:   string(e.channels.verdict.Action),
		Reason:    e.channels.verdict.Reason,
		Cadence: cadenceDoc{
			Changed: c.changed, Published: c.published, Dirty: c.dirty,
			Checkpoint: c.checkpoint, SinceRecord: c.sinceRecord,
		},
		SeenFirst: e.seen.first,
		Seen:      e.seen.names(),
		Grown:     slices.Clone(e.grown),
	}
	doc.Anchors = e.anchors.document()
	for _, a := range e.arms {
		arm := armDoc{Name: a.cfg.Name, Counts: a.counts, Seen: listFlags(a.classes.seen), Since: a.since}
		if a.teacher != nil {
			arm.Teacher, arm.Known = a.teacher.at, listFlags(a.teacher.known)
		}
		if a.drift != nil {
			state := a.drift.State()
			arm.Drift = &state
		}
		doc.Arms = append(doc.Arms, arm)
	}
	return doc, nil
}

func armPrefix(i int, a *arm) string {
	if i == 0 {
		return ""
	}
	return a.cfg.Name + "."
}

func (a *arm) parts(prefix string) []Part {
	step := a.step.Freeze()
	parts := tensorParts(prefix+PartWeights, a.freeze())
	parts = append(parts, tensorParts(prefix+PartOptimizer, step.Tensors, counterTensors(step.Counters)...)...)
	parts = append(parts, memoryParts(prefix+PartReplay, a.memory)...)
	if a.teacher != nil {
		parts = append(parts, tensorParts(prefix+PartTeacher, a.teacher.weights)...)
	}
	if a.phase != nil {
		parts = append(parts, memoryParts(prefix+PartPhase, a.phase)...)
	}
	return parts
}

// memoryParts returns a memory as parts: one of that name, and of a large memory one for
// each page.
func memoryParts(name string, m replay.Memory) []Part {
	var parts []Part
	for _, p := range m.Snapshot().Pieces() {
		parts = append(parts, Part{Name: name + p.Suffix, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal})
	}
	return parts
}

// Hash returns the state's hash: SHA-256 over "name\0sha256:hex\n" of its parts, in
// order, as a checkpoint's manifest carries it. It encodes the whole state.
func (e *Engine) Hash() (string, error) {
	parts, err := e.Snapshot()
	if err != nil {
		return "", err
	}
	whole := sha256.New()
	for _, p := range parts {
		h := sha256.New()
		if err := p.Write(h); err != nil {
			return "", fmt.Errorf("hash %s: %w", p.Name, err)
		}
		fmt.Fprintf(whole, "%s\x00sha256:%x\n", p.Name, h.Sum(nil))
	}
	return "sha256:" + hex.EncodeToString(whole.Sum(nil)), nil
}

func cborPart(name string, v any) Part {
	return Part{Name: name, MediaType: mediaCBOR, Write: func(w io.Writer) error { return canonical.Write(w, v) }}
}

func writeBytes(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}
