package signal_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// nothing has happened before.
type nothing struct{}

func (nothing) Prediction(string) bool { return false }
func (nothing) Event(string) bool      { return false }

// A click says yes, faintly; the label that arrives later says no, and wins, at a
// weight that the contradiction lowers.
func ExampleWindow() {
	w := signal.NewWindow(signal.Config{}.WithDefaults(), models.Binary, "")

	w.Predict(&feedback.Record{
		Prediction: &feedback.Prediction{ID: "p1", Outputs: []float64{0.4}, Channel: feedback.ChannelStable},
		Event:      feedback.Event{ID: "e1", Consent: feedback.ConsentLearn},
	}, 1, 0, nothing{})
	w.Feedback(&feedback.Record{
		Event:    feedback.Event{ID: "e2", Consent: feedback.ConsentLearn},
		Feedback: &feedback.Feedback{PredictionID: "p1", Signal: &feedback.Signal{Kind: feedback.Click}},
	}, 2, 0, nothing{})
	no := 0.0
	w.Feedback(&feedback.Record{
		Event:    feedback.Event{ID: "e3", Consent: feedback.ConsentLearn},
		Feedback: &feedback.Feedback{PredictionID: "p1", Signal: &feedback.Signal{Kind: feedback.Label, Value: &no}},
	}, 3, 0, nothing{})

	for _, r := range w.Take() {
		fmt.Printf("target %g, weight %.2f\n", r.Example.Target, r.Example.Weight)
	}
	// Output:
	// target 1, weight 0.30
	// target 0, weight 0.77
}
