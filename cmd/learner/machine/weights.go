package machine

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	computed map[string]*models.Frozen
}

// Weights returns the weights of a version that lies before the record.
func (w *weightsIn) Weights(version uint64, digest string) (*models.Frozen, error) {
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

func (w *weightsIn) saved(v checkpoint.Version, digest string) (*models.Frozen, error) {
	saved, err := w.store.Get(v)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	man := saved.Manifest()
	stored, ok := man.WeightsDigest()
	switch {
	case !ok:
		return nil, fmt.Errorf("version %s holds no weights", v)
	case digest != "" && stored != digest:
		return nil, fmt.Errorf("version %s holds weights %s, the record names %s", v, stored, digest)
	}
	return saved.Weights(nil)
}

// compute scans the log to a version, on a machine of its own, and writes nothing. A
// rollback that it meets on the way names a still older version, so this ends.
func (w *weightsIn) compute(version uint64, digest string) (*models.Frozen, error) {
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
	weights := m.Engine.Weights()
	if err := named(w.ctx, weights, digest); err != nil {
		return nil, err
	}
	return weights, nil
}

// named reports whether weights have the digest that a record names them by. One that was
// made before large tensors were kept in chunks is that of the whole file.
func named(ctx context.Context, weights *models.Frozen, digest string) error {
	_, infos, err := checkpoint.HashBlobs(ctx, checkpoint.Weights(weights))
	if err != nil {
		return err
	}
	man := checkpoint.Manifest{Blobs: infos}
	now, _ := man.WeightsDigest()
	if now == digest {
		return nil
	}
	_, infos, err = checkpoint.HashBlobs(ctx, []checkpoint.Blob{{
		Name: checkpoint.WeightsBlob, MediaType: safetensors.MediaType,
		Write: func(w io.Writer) error { return safetensors.EncodeFrozen(w, weights) },
	}})
	if err != nil {
		return err
	}
	if infos[0].Digest != digest {
		return fmt.Errorf("its weights are %s, the record names %s", now, digest)
	}
	return nil
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
