package daemon

import (
	"fmt"
	"log/slog"
	"math"

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
		logger.Warn("a feature is not standardised, and a model learns badly from it",
			"feature", f.Name, "examples", spreadRows, "declare", declaration(f))
	}
}

// declaration says what to declare: the scale to three digits, and the mean to a tenth of a
// deviation at least, which are more digits where it is far from 0.
func declaration(f feature.Misfit) string {
	if f.Deviation == 0 {
		return fmt.Sprintf("mean: %.7g", f.Mean)
	}
	digits := 3
	for size := 10 * f.Deviation; size < math.Abs(f.Mean) && digits < 15; size *= 10 {
		digits++
	}
	return fmt.Sprintf("mean: %.*g, scale: %.3g", digits, f.Mean, f.Deviation)
}
