package engine_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/models"
)

// published applies records, and returns the last version that was published of them.
func published(t *testing.T, e *engine.Engine, records []engine.Record) (last engine.Publish) {
	t.Helper()
	for _, rec := range records {
		effects, err := e.Apply(rec)
		require.NoError(t, err)
		for _, effect := range effects {
			if p, ok := effect.(engine.Publish); ok {
				last = p
			}
		}
	}
	return last
}

// server returns what answers by a version, and its spec: as that is read where it is served.
func server(t *testing.T, version engine.Publish, rows int) (*models.Predictor, models.Spec) {
	t.Helper()
	raw, err := json.Marshal(version.Spec)
	require.NoError(t, err)
	var spec models.Spec
	require.NoError(t, json.Unmarshal(raw, &spec))
	p, err := models.NewPredictor(spec, rows)
	require.NoError(t, err)
	require.NoError(t, p.Update(version.Weights, nil))
	return p, spec
}
