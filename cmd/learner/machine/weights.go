package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// weightsIn reads weights for rollbacks: from the store, or, of a version that the store
// does not have whole, by computing it from the log. The record's digest says whether
// they are the ones that it means.
type weightsIn struct {
	store *checkpoint.Store
	// fresh returns another machine of the model, before the first record.
	fresh func() (*Machine, error)
	// scanning is the machine that meets the records, and ctx bounds what it does.
	scanning *Machine
	ctx      context.Context
	// computed keeps weights by their digest, for nested rollbacks too, so that none
	// are computed twice.
	computed map[string]models.Params
}

// Weights returns the weights of a version that lies before the record.
func (w *weightsIn) Weights(version uint64, digest string) (models.Params, error) {
	if w.store == nil {
		return nil, errors.New("no store is open")
	}
	params, err := w.saved(checkpoint.Version(version), digest)
	if !errors.Is(err, checkpoint.ErrNotFound) && !errors.Is(err, checkpoint.ErrCorrupt) {
		return params, err
	}
	if params, ok := w.computed[digest]; ok {
		return params, nil
	}
	params, failed := w.compute(version, digest)
	if failed != nil {
		return nil, fmt.Errorf("%w; computing it from the log: %w; `learner checkpoint rebuild %d` writes it again if it can be",
			err, failed, version)
	}
	w.computed[digest] = params
	return params, nil
}

func (w *weightsIn) saved(v checkpoint.Version, digest string) (models.Params, error) {
	saved, err := w.store.Get(v)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	man := saved.Manifest()
	info, ok := man.Blob(checkpoint.WeightsBlob)
	switch {
	case !ok:
		return nil, fmt.Errorf("version %s holds no weights", v)
	case digest != "" && info.Digest != digest:
		return nil, fmt.Errorf("version %s holds weights %s, the record names %s", v, info.Digest, digest)
	}
	return saved.Weights()
}

// compute scans the log to a version, on a machine of its own, and writes nothing. A
// rollback that it meets on the way names a still older version, so this ends.
func (w *weightsIn) compute(version uint64, digest string) (models.Params, error) {
	if version == 0 || version > w.scanning.Engine.Position() {
		return nil, errors.New("no record before this one made it")
	}
	w.scanning.logger.Info("computing the weights of a version that the store does not have", "version", version)
	m, err := w.fresh()
	if err != nil {
		return nil, err
	}
	m.weights.computed = w.computed
	if _, err := m.Restore(w.ctx, How{Until: checkpoint.Version(version)}); err != nil {
		return nil, err
	}
	if err := m.ScanTo(w.ctx, ledger.Position(version), nil, nil); err != nil {
		return nil, err
	}
	if m.Engine.Position() != version {
		return nil, fmt.Errorf("position %d is a gap in the log", version)
	}
	parts, err := m.Engine.Snapshot()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.Name == engine.PartWeights {
			return decode(w.ctx, p, digest)
		}
	}
	return nil, fmt.Errorf("the state has no part %s", engine.PartWeights)
}

// decode returns a part's weights if they have the digest.
func decode(ctx context.Context, p engine.Part, digest string) (models.Params, error) {
	_, infos, err := checkpoint.HashBlobs(ctx, []checkpoint.Blob{{Name: p.Name, MediaType: p.MediaType, Write: p.Write}})
	if err != nil {
		return nil, err
	}
	if infos[0].Digest != digest {
		return nil, fmt.Errorf("its weights are %s, the record names %s", infos[0].Digest, digest)
	}
	var encoded bytes.Buffer
	if err := p.Write(&encoded); err != nil {
		return nil, err
	}
	return safetensors.DecodeParams(&encoded, int64(encoded.Len()))
}

// Apply applies the next record. ctx bounds the computing of weights that a rollback
// names and the store has lost; as with every error of that kind, the state is then as
// it was.
func (m *Machine) Apply(ctx context.Context, rec engine.Record) ([]engine.Effect, error) {
	m.weights.ctx = ctx
	effects, err := m.Engine.Apply(rec)
	if err != nil {
		return nil, fmt.Errorf("model %s: apply record %d: %w", m.Name, rec.Position, err)
	}
	return effects, nil
}
