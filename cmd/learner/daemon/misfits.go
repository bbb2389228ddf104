package daemon

import (
	"fmt"
	"log/slog"

	"github.com/perennial-ml/perennial/feedback/feature"
)

// spreadRows is how many examples a learner looks at after its start to see whether the
// declared mean and scale of each number suit them.
const spreadRows = 1000

// lookAt adds a row to the spread, unless that has enough. With the last one it says which
// numbers are not standardised: nothing else would but the model's scores.
func lookAt(row feature.Row, spread *feature.Spread, logger *slog.Logger) {
	if len(row.Dense) == 0 || spread.Rows() == spreadRows {
		return
	}
	spread.Add(row)
	if spread.Rows() < spreadRows {
		return
	}
	for _, f := range spread.Misfits() {
		declare := fmt.Sprintf("mean: %.3g", f.Mean)
		if f.Deviation > 0 {
			declare += fmt.Sprintf(", scale: %.3g", f.Deviation)
		}
		logger.Warn("a feature is not standardised, and a model learns badly from it",
			"feature", f.Name, "examples", spreadRows, "declare", declare)
	}
}
