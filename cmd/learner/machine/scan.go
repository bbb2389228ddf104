package machine

import (
	"context"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// ScanTo applies the records after the engine's position up to and with a position,
// and hands each record's effects to do, which may be nil. progress, if not nil, hears
// the position reached.
func (m *Machine) ScanTo(ctx context.Context, to ledger.Position, do func(engine.Effect) error, progress func(ledger.Position)) error {
	from := ledger.Position(m.Engine.Position()) + 1
	if from > to {
		return nil
	}
	return m.Log.Range(ctx, from, to, func(raw ledger.Raw) error {
		effects, err := m.Apply(ctx, m.Decode(raw))
		if err != nil {
			return err
		}
		if progress != nil {
			progress(raw.Position)
		}
		if do == nil {
			return nil
		}
		for _, e := range effects {
			if err := do(e); err != nil {
				return err
			}
		}
		return nil
	})
}
