package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/feedback"
)

// decoder reads events as the learner that is measured does.
func decoder(t *testing.T) *feedback.Decoder {
	t.Helper()
	file := filepath.Join(t.TempDir(), "learner.yaml")
	require.NoError(t, os.WriteFile(file, configuration("127.0.0.1:8080"), 0o600))
	cfg, err := config.Load(file)
	require.NoError(t, err)
	dc, err := cfg.Models[0].Decoder(cfg.Consent)
	require.NoError(t, err)
	d, err := feedback.NewDecoder(dc)
	require.NoError(t, err)
	return d
}

func read(t *testing.T, d *feedback.Decoder, media string, body []byte) []*feedback.Record {
	t.Helper()
	parsed, err := feedback.ParseHTTP(http.Header{"Content-Type": {media}}, body)
	require.NoError(t, err)
	var out []*feedback.Record
	for _, p := range parsed {
		require.Nil(t, p.Refusal)
		rec, err := d.Decode(p.Event)
		require.NoError(t, err)
		out = append(out, rec)
	}
	return out
}

func TestEveryEventIsAcceptableUniqueAndOfTheStatedSize(t *testing.T) {
	d := decoder(t)
	ids := map[string]bool{}
	for _, name := range []string{"s0-0", "s0-1"} {
		w := newWriter(name, 1, 1, false)
		for range 3 {
			body, events, examples := w.body(50)
			require.Equal(t, 50, events)
			require.Equal(t, 50, examples)
			require.Equal(t, 50*eventSize+len("[]")+49, len(body))
			for _, rec := range read(t, d, mediaBatch, body) {
				require.False(t, ids[rec.ID], "id %s stands twice", rec.ID)
				ids[rec.ID] = true
			}
		}
		one := w.single()
		require.Len(t, one, eventSize)
		require.Len(t, read(t, d, mediaEvent, one), 1)
	}
	require.Len(t, ids, 300)
}

func TestEveryOutcomeIsAboutAPredictionOfTheBatchBefore(t *testing.T) {
	d := decoder(t)
	w := newWriter("s", 1, 1, true)
	var before map[string]bool
	for i := range 4 {
		body, events, examples := w.body(20)
		now, outcomes := map[string]bool{}, 0
		for _, rec := range read(t, d, mediaBatch, body) {
			if rec.Prediction != nil {
				now[rec.Prediction.ID] = true
				continue
			}
			outcomes++
			require.True(t, before[rec.Feedback.PredictionID])
		}
		require.Equal(t, examples, outcomes)
		require.Equal(t, events, outcomes+len(now))
		require.Equal(t, i > 0, outcomes == 10)
		before = now
	}
}
