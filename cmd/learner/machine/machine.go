package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
)

// A Machine is one model's state machine over its log and its store.
type Machine struct {
	Name    string
	Config  config.Model
	Spec    models.Spec
	Engine  *engine.Engine
	Decoder *feedback.Decoder
	Store   *checkpoint.Store
	Log     *ledger.Log

	logger  *slog.Logger
	digest  string                  // of the configuration that states depend on
	specs   map[int]json.RawMessage // by the number of classes
	weights *weightsIn
	adopted bool
}

// OpenStore opens a model's store for writing. One process at a time may.
func OpenStore(cfg *config.Config, m config.Model, points *failpoint.Set, logger *slog.Logger) (*checkpoint.Store, error) {
	dir := cfg.Folder(m.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	store, err := checkpoint.Open(dir, m.Checkpoint.Config.WithDefaults(),
		checkpoint.WithLogger(logger.With("model", m.Name)), checkpoint.WithHook(points.Hit))
	if errors.Is(err, checkpoint.ErrCorrupt) {
		err = fmt.Errorf("%w; move the folder away to learn from the log's start", err)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: open versions in %s: %w", m.Name, dir, err)
	}
	return store, nil
}

// OpenStoreReader opens a model's store beside whoever writes to it.
func OpenStoreReader(cfg *config.Config, m config.Model, logger *slog.Logger) (*checkpoint.Store, error) {
	dir := cfg.Folder(m.Name)
	store, err := checkpoint.OpenReader(dir, m.Checkpoint.Config.WithDefaults(), checkpoint.WithLogger(logger))
	if errors.Is(err, checkpoint.ErrNotFound) {
		err = fmt.Errorf("%w; 'learner up' writes the first version", err)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: open versions in %s: %w", m.Name, dir, err)
	}
	return store, nil
}

// New returns the machine of a model before the first record. The caller keeps
// ownership of log and store; store may be nil if no version is read or written.
func New(cfg *config.Config, m config.Model, log *ledger.Log, store *checkpoint.Store, logger *slog.Logger) (*Machine, error) {
	ec, err := m.Engine(cfg.Seed)
	if err != nil {
		return nil, err
	}
	ec.Compute = cfg.Compute
	dc, err := m.Decoder(cfg.Consent)
	if err != nil {
		return nil, err
	}
	decoder, err := feedback.NewDecoder(dc)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	weights := &weightsIn{
		store: store, ctx: context.Background(), computed: map[string]*models.Frozen{},
		fresh: func() (*Machine, error) { return New(cfg, m, log, store, logger) },
	}
	eng, err := engine.New(ec, weights)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	digest, err := cfg.Digest(m.Name)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	mach := &Machine{
		Name: m.Name, Config: m, Spec: ec.Spec,
		Engine: eng, Decoder: decoder, Store: store, Log: log,
		logger: logger.With("model", m.Name), digest: digest, specs: map[int]json.RawMessage{}, weights: weights,
	}
	weights.scanning = mach
	return mach, nil
}

// SpecJSON returns a spec of the model, which may have grown, as servers read it.
func (m *Machine) SpecJSON(s models.Spec) json.RawMessage {
	raw, ok := m.specs[s.Classes]
	if !ok {
		raw, _ = json.Marshal(s) // a Spec always has an encoding
		m.specs[s.Classes] = raw
	}
	return raw
}

// Decode turns a record of the log into what the engine applies.
func (m *Machine) Decode(raw ledger.Raw) engine.Record {
	rec := engine.Record{Position: uint64(raw.Position), Time: raw.Time.UnixNano()}
	ev, err := feedback.FromHeaders(raw.Header, raw.Data)
	if err == nil {
		rec.Event, err = m.Decoder.Decode(ev)
	}
	if err == nil {
		return rec
	}
	rec.Event = nil
	if !errors.As(err, &rec.Refusal) {
		rec.Refusal = &feedback.Refusal{Code: feedback.CodeMalformed, Field: "event", Rule: "must be readable", Detail: err.Error()}
	}
	rec.Keep = m.Decoder.MayKeep(ev, rec.Refusal)
	return rec
}

// Blobs returns the state as the store takes it. What did not change since it was last
// written is sealed, and is not encoded again.
func (m *Machine) Blobs() ([]checkpoint.Blob, error) {
	parts, err := m.Engine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("model %s: snapshot: %w", m.Name, err)
	}
	blobs := make([]checkpoint.Blob, len(parts))
	for i, p := range parts {
		blobs[i] = checkpoint.Blob{Name: p.Name, MediaType: p.MediaType, Write: p.Write, Seal: p.Seal}
	}
	return blobs, nil
}

// Manifest describes the version that the engine stands at.
func (m *Machine) Manifest() checkpoint.Manifest {
	return m.manifest(checkpoint.Version(m.Engine.Position()), m.Engine.Time(), m.SpecJSON(m.Engine.Spec()))
}

func (m *Machine) manifest(v checkpoint.Version, logTime int64, spec json.RawMessage) checkpoint.Manifest {
	id := m.Log.ID()
	return checkpoint.Manifest{
		Version: v,
		Model:   m.Name,
		Log:     checkpoint.LogID{Name: id.Name, Created: id.Created},
		LogTime: time.Unix(0, logTime).UTC(),
		Config:  m.digest,
		Spec:    spec,
	}
}

// WeightsVersion returns a version that holds nothing but weights: what a channel
// names when the learner has gone on since. It cannot be resumed from.
func (m *Machine) WeightsVersion(v checkpoint.Version, weights *models.Frozen, spec json.RawMessage) (checkpoint.Manifest, []checkpoint.Blob) {
	man := m.manifest(v, m.Engine.Time(), spec)
	man.Summary = map[string]string{"kind": "weights"}
	return man, checkpoint.Weights(weights)
}

// Resumable reports whether a version holds the whole state, or only weights.
func Resumable(man *checkpoint.Manifest) bool {
	_, ok := man.Blob(engine.PartEngine)
	return ok
}
