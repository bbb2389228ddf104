package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/perennial-ml/perennial/engine/anchor"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/part"
)

// Names of the parts of the front. Those of the first arm are named "weights", "optimizer"
// and so on, and those of a further one "NAME.weights", "NAME.optimizer".
const (
	PartEngine    = "engine"
	PartCandidate = "candidate"
	PartStable    = "stable"
	PartJoin      = "join"
	PartGuard     = "guard"
	PartMetrics   = "metrics"
)

// stateFormat is raised with each incompatible change of the document.
const stateFormat = 1

// document is what the engine holds beside tensors, memories and the join window.
type document struct {
	Format    int         `cbor:"format"`
	Position  uint64      `cbor:"position"`
	Time      int64       `cbor:"time"`
	Counts    Counts      `cbor:"counts"`
	Pending   []pending   `cbor:"pending"`
	Candidate uint64      `cbor:"candidate"`
	Stable    uint64      `cbor:"stable"`
	Pinned    bool        `cbor:"pinned"`
	Probation bool        `cbor:"probation"`
	Verdict   string      `cbor:"verdict"`
	Reason    string      `cbor:"reason"`
	Cadence   cadenceDoc  `cbor:"cadence"`
	SeenFirst uint64      `cbor:"seen_first"`
	Seen      []string    `cbor:"seen"`
	Arms      []arm.State `cbor:"arms"`
	// Anchors is absent if there are none.
	Anchors *anchor.State `cbor:"anchors,omitempty"`
	Grown   []Growth      `cbor:"grown,omitempty"`
}

type cadenceDoc struct {
	Changed     bool   `cbor:"changed"`
	Published   int64  `cbor:"published"`
	Dirty       bool   `cbor:"dirty"`
	Checkpoint  int64  `cbor:"checkpoint"`
	SinceRecord uint64 `cbor:"since_record"`
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
func (e *Engine) Snapshot() ([]part.Part, error) {
	m := meters{}
	var err error
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
	parts := []part.Part{part.CBOR(PartEngine, e.document())}
	parts = append(parts, part.Tensors(PartCandidate, e.channels.candidate.weights)...)
	parts = append(parts, part.Tensors(PartStable, e.channels.stable.weights)...)
	parts = append(parts,
		part.Part{Name: PartJoin, MediaType: part.MediaCBOR, Write: e.window.Snapshot().Write},
		part.Bytes(PartGuard, paired))
	for i, a := range e.arms {
		bytes, err := a.Meter().Snapshot()
		if err != nil {
			return nil, err
		}
		m.Arms = append(m.Arms, bytes)
		parts = append(parts, a.Parts(armPrefix(i, a))...)
	}
	parts = append(parts, part.CBOR(PartMetrics, m))
	parts = append(parts, e.anchors.Parts()...)
	return append(parts, e.seen.parts()...), nil
}

func (e *Engine) document() document {
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
	doc.Anchors = e.anchors.State()
	for _, a := range e.arms {
		doc.Arms = append(doc.Arms, a.State())
	}
	return doc
}

func armPrefix(i int, a *arm.Arm) string {
	if i == 0 {
		return ""
	}
	return a.Name() + "."
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
