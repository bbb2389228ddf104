package feedback_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

func TestConstructedEventsDecodeToWhatWasMeant(t *testing.T) {
	d := newDecoder(t, nil)
	half := 0.5
	yes := true

	prediction := feedback.Prediction{
		ID: "p", Features: json.RawMessage(goodFeatures), Outputs: []float64{0.5}, Channel: "stable", Propensity: &half,
	}
	e, err := feedback.NewPrediction("e-1", "/app", "person", prediction)
	require.NoError(t, err)
	rec, err := d.Decode(e)
	require.NoError(t, err)
	require.Equal(t, &prediction, rec.Prediction)
	require.Equal(t, "person", rec.Subject)

	said := feedback.Feedback{PredictionID: "p", Signal: &feedback.Signal{Kind: feedback.TaskCompletion, Correct: &yes}}
	e, err = feedback.NewFeedback("e-2", "/app", "", said)
	require.NoError(t, err)
	rec, err = d.Decode(e)
	require.NoError(t, err)
	require.Equal(t, &said, rec.Feedback)

	back := feedback.Control{Action: feedback.Rollback, Version: 0, Learner: true}
	e, err = feedback.NewControl("e-3", "/ops", back)
	require.NoError(t, err)
	rec, err = d.Decode(e)
	require.NoError(t, err, "version 0, the fresh model, can be rolled back to")
	require.Equal(t, &back, rec.Control)

	rec, err = d.Decode(feedback.NewTick("e-4", "/loop"))
	require.NoError(t, err)
	require.Equal(t, feedback.TypeTick, rec.Type)
}

func TestConstructorsRefuseWhatCannotBeSent(t *testing.T) {
	_, err := feedback.NewControl("", "/ops", feedback.Control{Action: feedback.Pin})
	requireRefusal(t, err, feedback.CodeAttribute, "id")
	_, err = feedback.NewPrediction("e", "/app", "", feedback.Prediction{Outputs: []float64{math.NaN()}})
	require.ErrorContains(t, err, "perennial.prediction.v1")
}

func TestConsentTextRoundTrips(t *testing.T) {
	for _, c := range []feedback.Consent{feedback.ConsentUnset, feedback.ConsentNone, feedback.ConsentMeasure, feedback.ConsentLearn} {
		text, err := c.MarshalText()
		require.NoError(t, err)
		var back feedback.Consent
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, c, back)
	}
	_, err := feedback.ParseConsent("Learn")
	require.ErrorContains(t, err, "must be none, measure or learn")
	_, err = feedback.Consent(7).MarshalText()
	require.Error(t, err)
}
