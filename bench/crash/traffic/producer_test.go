package traffic

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
)

// What the producer writes must be refused by the decoder, or the proof of dead letters
// and erasures is about nothing.
func TestCarelessRecordsAreNoEvents(t *testing.T) {
	for kind := range 5 {
		book := NewBook("m")
		p := &producer{model: "m", rng: rand.New(rand.NewPCG(1, 1)), book: book, next: kind}
		m := p.message(kind)
		ev, err := feedback.FromHeaders(m.Header, m.Data)
		keeps := m.Header.Get("ce-consent") == "learn"
		require.Equal(t, keeps, len(book.Banned("m")) == 0, "what may not be kept is looked for in the log")
		if keeps {
			require.NoError(t, err)
			require.Equal(t, feedback.ConsentLearn, ev.Consent)
		}
	}
}

func TestProducerBelievesOnlyTheBrokersAcknowledgement(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		acked        bool
	}{
		{"stored", `{"stream": "PERENNIAL_m", "seq": 7}`, true},
		{"a duplicate", `{"stream": "PERENNIAL_m", "seq": 7, "duplicate": true}`, true},
		{"refused", `{"error": {"code": 503}, "stream": "PERENNIAL_m", "seq": 0}`, false},
		{"not an acknowledgement", `{}`, false},
		{"not JSON", `+OK`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &producer{model: "m", rng: rand.New(rand.NewPCG(1, 1)), book: NewBook("m")}
			err := p.acknowledged(p.message(0), []byte(tc.answer))
			require.Equal(t, tc.acked, err == nil)
			require.Equal(t, tc.acked, len(p.book.Acked("m")) == 1)
		})
	}
}
