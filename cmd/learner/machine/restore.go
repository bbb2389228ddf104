package machine

import (
	"context"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/ledger"
)

var (
	// ErrConfig is returned for a version that was written under another
	// configuration.
	ErrConfig = errors.New("the newest version was learned under another configuration")
	// ErrModel is returned for a version of another model.
	ErrModel = errors.New("the store holds another model's versions")
	// ErrUnreadable is returned for a version that is whole and that this program,
	// under this configuration, cannot go on from.
	ErrUnreadable = errors.New("the newest version is whole and cannot be continued")
	// ErrNoStart is returned if every version is damaged and the log does not reach
	// back to its first record.
	ErrNoStart = errors.New("no version is whole, and the log's beginning is gone")
)

// How says which version Restore may start from.
type How struct {
	// Until is the newest version to consider; 0 for any.
	Until checkpoint.Version
	// AdoptConfig accepts a version that was learned under another configuration.
	AdoptConfig bool
}

// Restore takes the engine to the newest version that is whole, belongs to the log and
// the configuration, and can be resumed. It passes over damaged ones with a warning.
// Without any, the engine stands before the first record, which the log must then
// still hold: scanning it gives the same state as any version would have. It returns the
// version restored; 0 for none.
//
// Errors: ErrConfig, ErrModel, ErrUnreadable, ErrNoStart, those of ledger.Log.Check and
// of checkpoint.Store.
func (m *Machine) Restore(ctx context.Context, how How) (checkpoint.Version, error) {
	list, err := m.Store.Versions()
	if err != nil {
		return 0, fmt.Errorf("model %s: list versions: %w", m.Name, err)
	}
	damaged := 0
	for i := range list {
		man := &list[i]
		if !Resumable(man) || (how.Until != 0 && man.Version > how.Until) {
			continue
		}
		if err := m.belongs(ctx, man, how); err != nil {
			return 0, err
		}
		err := m.load(man.Version)
		switch {
		case err == nil:
			m.adopted = man.Config != m.digest
			return man.Version, nil
		case errors.Is(err, checkpoint.ErrFormat):
			return 0, fmt.Errorf("model %s: version %s: %w", m.Name, man.Version, err)
		case !errors.Is(err, checkpoint.ErrCorrupt):
			return 0, fmt.Errorf("model %s: version %s: %w: %w; go back to the program and the configuration that wrote it, "+
				"or move the folder of versions away to learn from the log's start", m.Name, man.Version, ErrUnreadable, err)
		}
		damaged++
		m.logger.Warn("version is damaged; falling back to the one before", "version", uint64(man.Version), "error", err)
	}
	err = m.Log.Check(ctx, m.Log.ID(), 0)
	switch {
	case err == nil && damaged > 0:
		m.logger.Warn("no version is whole; scanning the log from its start", "damaged", damaged)
	case err == nil:
	case damaged > 0:
		return 0, fmt.Errorf("model %s: %w: all %d versions are damaged: %w", m.Name, ErrNoStart, damaged, err)
	default:
		return 0, fmt.Errorf("model %s: no version to start from: %w", m.Name, err)
	}
	return 0, nil
}

// Adopted reports whether Restore went on from a version of another configuration. Until
// a version of this one is durable, the next start has to be told again to accept that.
func (m *Machine) Adopted() bool { return m.adopted }

// belongs checks that a version is of this model, log and configuration.
func (m *Machine) belongs(ctx context.Context, man *checkpoint.Manifest, how How) error {
	if man.Model != m.Name {
		return fmt.Errorf("model %s: version %s: %w (%s)", m.Name, man.Version, ErrModel, man.Model)
	}
	id := ledger.ID{Name: man.Log.Name, Created: man.Log.Created}
	if err := m.Log.Check(ctx, id, ledger.Position(man.Version)); err != nil {
		return fmt.Errorf("model %s: version %s: %w", m.Name, man.Version, err)
	}
	if man.Config == m.digest {
		return nil
	}
	if !how.AdoptConfig {
		return fmt.Errorf("model %s: version %s: %w: its states can no longer be rebuilt from the log; "+
			"restore the configuration, or go on from this version under the new one with --adopt-config",
			m.Name, man.Version, ErrConfig)
	}
	m.logger.Warn("going on under another configuration", "version", uint64(man.Version))
	return nil
}

func (m *Machine) load(v checkpoint.Version) error {
	saved, err := m.Store.Get(v)
	if errors.Is(err, checkpoint.ErrNotFound) { // retention took it since it was listed
		return fmt.Errorf("%w: %w", checkpoint.ErrCorrupt, err)
	}
	if err != nil {
		return err
	}
	defer saved.Close()
	return m.Engine.Restore(saved.ReadBlob)
}
