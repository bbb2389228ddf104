package feedback_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/stretchr/testify/require"
)

// numericDictionary knows x0 to x(n-1).
func numericDictionary(t testing.TB, n int) *feature.Dictionary {
	t.Helper()
	var c feature.Config
	for i := range n {
		c.Features = append(c.Features, feature.Feature{Name: fmt.Sprintf("x%d", i), Kind: feature.Numeric})
	}
	d, err := feature.New(c)
	require.NoError(t, err)
	return d
}

// mixedDictionary has one feature of each kind: age, city, emb.
func mixedDictionary(t testing.TB) *feature.Dictionary {
	t.Helper()
	d, err := feature.New(feature.Config{Features: []feature.Feature{
		{Name: "age", Kind: feature.Numeric, Mean: 40, Scale: 10},
		{Name: "city", Kind: feature.Categorical, Buckets: 64, Missing: feature.Default},
		{Name: "emb", Kind: feature.Vector, Dim: 2, Missing: feature.Default, Invalid: feature.Default},
	}})
	require.NoError(t, err)
	return d
}

func newDecoder(t testing.TB, change func(*feedback.DecoderConfig)) *feedback.Decoder {
	t.Helper()
	c := feedback.DecoderConfig{
		Dictionary:     mixedDictionary(t),
		DefaultConsent: feedback.ConsentLearn,
		Task:           feedback.TaskBinary,
	}
	if change != nil {
		change(&c)
	}
	d, err := feedback.NewDecoder(c)
	require.NoError(t, err)
	return d
}

func event(eventType, data string) feedback.Event {
	return feedback.Event{ID: "e-1", Source: "/app", Type: eventType, Subject: "p-1", Data: []byte(data)}
}

// requireRefusal asserts that err is a Refusal with that code and field.
func requireRefusal(t testing.TB, err error, code feedback.Code, field string) {
	t.Helper()
	var r *feedback.Refusal
	require.ErrorAs(t, err, &r)
	require.Equal(t, code, r.Code, r.Error())
	require.Equal(t, field, r.Field, r.Error())
	require.NotEmpty(t, r.Rule)
}

// wideFeedback is a self-contained feedback payload of 500 bytes with 16 numbers.
func wideFeedback() string {
	var b strings.Builder
	b.WriteString(`{"features":{`)
	for i := range 16 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"x%d":%.12f`, i, float64(i)/7-1)
	}
	b.WriteString(`},"segments":{"country":"at"},"signal":{"kind":"label","value":1}`)
	b.WriteString(strings.Repeat(" ", max(0, 499-b.Len())))
	return b.String() + "}"
}
