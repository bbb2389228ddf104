package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// readAhead bounds the decoded records that wait for the loop.
const readAhead = 2048

// arrival is a record on its way to the loop. raw is kept for a refused one, which
// may become a dead letter.
type arrival struct {
	rec engine.Record
	raw ledger.Raw
}

// read scans the log and decodes ahead of the loop until ctx ends or the scan fails.
// It closes out.
func read(ctx context.Context, m *machine.Machine, scan *ledger.Scan, out chan<- arrival, logger *slog.Logger) error {
	defer close(out)
	spread := m.Decoder.Config().Dictionary.NewSpread()
	for {
		raw, err := scan.Next(ctx)
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, ledger.ErrReplaced):
				return fmt.Errorf("model %s: %w: another learner scans this log now, and this one stops", m.Name, err)
			}
			return fmt.Errorf("model %s: %w", m.Name, err)
		}
		a := arrival{rec: m.Decode(raw)}
		if a.rec.Event == nil {
			a.raw = raw
		} else {
			lookAt(a.rec.Event.Row, spread, logger)
		}
		select {
		case out <- a:
		case <-ctx.Done():
			return nil
		}
	}
}
