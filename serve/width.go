package serve

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/models"
)

// A parsedSpec is what a version's spec says of its outputs.
type parsedSpec struct {
	raw     []byte
	outputs int
}

// outputsOf returns the number of outputs of a version. Versions with one spec follow each
// other, so that the last one read serves nearly all.
func (f *inferrer) outputsOf(w *hotload.Loaded) (int, error) {
	last := f.spec.Load()
	if last != nil && bytes.Equal(last.raw, w.Spec) {
		return last.outputs, nil
	}
	var spec models.Spec
	if err := json.Unmarshal(w.Spec, &spec); err != nil {
		return 0, fmt.Errorf("read the spec of version %d: %w", w.Version, err)
	}
	f.spec.Store(&parsedSpec{raw: w.Spec, outputs: spec.Outputs()})
	return spec.Outputs(), nil
}

// width returns the number of outputs of a row: of the version that knows most classes.
func (f *inferrer) width(pins *pinned) (int, error) {
	k := 0
	for _, w := range []*hotload.Loaded{pins.stable, pins.candidate} {
		if w == nil {
			continue
		}
		outputs, err := f.outputsOf(w)
		if err != nil {
			return 0, err
		}
		k = max(k, outputs)
	}
	return k, nil
}
