package engine_test

import (
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
)

// Two engines of one configuration over one log have equal states. Nothing but the
// records tells them the time.
func Example() {
	cfg := engine.Config{
		Seed:  1,
		Spec:  models.Spec{Kind: "linear", Task: models.Binary, Dense: 1},
		Batch: engine.Batch{Size: 4, Wait: 20 * time.Millisecond},
		Arms:  []arm.Config{{Name: "learner", Optimizer: []optim.Config{{SGD: &optim.SGD{LearningRate: 1}}}}},
	}
	var hashes [2]string
	for i := range hashes {
		hash, versions, err := learn(cfg)
		if err != nil {
			fmt.Println(err)
			return
		}
		hashes[i] = hash
		fmt.Println("versions to publish:", versions)
	}
	fmt.Println("same state:", hashes[0] == hashes[1])
	// Output:
	// versions to publish: [51]
	// versions to publish: [51]
	// same state: true
}

// learn tells an engine of a hundred labels, and returns the hash of its state and the
// versions that it asked to publish.
func learn(cfg engine.Config) (hash string, versions []uint64, err error) {
	e, err := engine.New(cfg, nil)
	if err != nil {
		return "", nil, err
	}
	for i := range 100 {
		x, y := float32(i%5-2), 0.0
		if x > 0 {
			y = 1
		}
		effects, err := e.Apply(engine.Record{
			Position: uint64(i + 1),
			Time:     int64(time.Duration(i) * time.Millisecond),
			Event: &feedback.Record{
				Event:    feedback.Event{ID: fmt.Sprint("visit-", i), Type: feedback.TypeFeedback, Consent: feedback.ConsentLearn},
				Feedback: &feedback.Feedback{Signal: &feedback.Signal{Kind: feedback.Label, Value: &y}},
				Row:      feature.Row{Dense: []float32{x}},
			},
		})
		if err != nil {
			return "", nil, err
		}
		for _, effect := range effects {
			if p, ok := effect.(engine.Publish); ok {
				versions = append(versions, p.Version)
			}
		}
	}
	hash, err = e.Hash()
	return hash, versions, err
}
