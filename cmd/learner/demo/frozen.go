package demo

import (
	"fmt"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
)

// frozen predicts with weights that do not learn.
type frozen struct {
	dictionary *feature.Dictionary
	predictor  *models.Predictor
	raw        []float64
	batch      models.Batch
	out        []float32
}

func takeFrozen(folder string, version uint64) (*frozen, error) {
	cfg, m, err := configuration(folder)
	if err != nil {
		return nil, err
	}
	store, err := checkpoint.OpenReader(cfg.Folder(m.Name), m.Checkpoint.Config.WithDefaults())
	if err != nil {
		return nil, err
	}
	defer store.Close()
	saved, err := store.Get(checkpoint.Version(version))
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	weights, err := saved.Weights(nil)
	if err != nil {
		return nil, err
	}
	spec, err := m.Spec()
	if err != nil {
		return nil, err
	}
	f := &frozen{out: make([]float32, 1)}
	if f.dictionary, err = feature.New(m.Dictionary()); err != nil {
		return nil, err
	}
	if f.predictor, err = models.NewPredictor(spec, 1); err != nil {
		return nil, err
	}
	return f, f.predictor.Update(weights, nil)
}

func (f *frozen) predict(stream []halfHour, t int) (float32, error) {
	f.raw = encode(f.raw[:0], stream, t)
	object := []byte{'{'}
	for i, name := range features {
		if i > 0 {
			object = append(object, ',')
		}
		object = fmt.Appendf(object, "%q:%v", name, f.raw[i])
	}
	row, err := f.dictionary.Encode(append(object, '}'))
	if err != nil {
		return 0, err
	}
	f.batch = models.Batch{Rows: 1, Dense: row.Dense}
	err = f.predictor.Predict(f.out, &f.batch)
	return f.out[0], err
}
