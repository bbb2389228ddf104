package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantileIsAValueThatWasMeasured(t *testing.T) {
	var values []time.Duration
	for i := 100; i > 0; i-- {
		values = append(values, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0.5: 50, 0.99: 99, 0.991: 100, 1: 100, 0: 1} {
		require.Equal(t, want, quantile(values, q), "quantile %v", q)
	}
	require.Zero(t, quantile(nil, 0.5))
}

func TestHistogramQuantileIsItsBucketsBound(t *testing.T) {
	earlier := figures{`h_bucket{model="loop",le="0.1"}`: 5, `h_bucket{model="loop",le="0.2"}`: 5, `h_bucket{model="loop",le="+Inf"}`: 5}
	now := figures{`h_bucket{model="loop",le="0.1"}`: 6, `h_bucket{model="loop",le="0.2"}`: 14, `h_bucket{model="loop",le="+Inf"}`: 15}
	b := now.buckets("h", earlier)
	require.Equal(t, []bucket{{0.1, 1}, {0.2, 9}, {math.Inf(1), 10}}, b)
	require.Equal(t, 0.1, histogram(b, 0.1))
	require.Equal(t, 0.2, histogram(b, 0.5))
	require.True(t, math.IsInf(histogram(b, 0.99), 1))
	require.Zero(t, histogram(now.buckets("other", nil), 0.5))
}

func TestNumberReadsBareAndQuotedValues(t *testing.T) {
	for answer, want := range map[string]uint64{`{"v": 12}`: 12, `{"v":"34"}`: 34, `{"v":5,"v":6}`: 5} {
		n, ok := number([]byte(answer), `"v":`)
		require.True(t, ok, answer)
		require.Equal(t, want, n, answer)
	}
	for _, answer := range []string{`{}`, `{"v":null}`, `{"v":""}`} {
		_, ok := number([]byte(answer), `"v":`)
		require.False(t, ok, answer)
	}
}

func TestReachedIsTheLastPositionAndNeverGoesBack(t *testing.T) {
	var l load
	l.reached([]byte(`{"results":[{"position":7},{"position":9,"duplicate":false}]}`))
	require.EqualValues(t, 9, l.last.Load())
	l.reached([]byte(`{"results":[{"position":8}]}`))
	require.EqualValues(t, 9, l.last.Load())
}

func TestReportIsReadableByPeopleBenchstatAndPrograms(t *testing.T) {
	r := &report{Processors: 2, Connections: 8, Batch: 250, EventBytes: 500, Stages: []stage{
		{Offered: 5000, Events: 1000, Examples: 1000, Posted: 0.2, FreshP99: 0.05, LearnerCPU: 0.1, Probes: 3, Held: 1},
		{Events: 2000, Examples: 2000, Posted: 0.1, Drain: 0.1, Missing: 4},
	}}
	var text bytes.Buffer
	require.NoError(t, r.write(&text, false))
	require.Contains(t, text.String(), "20,000") // accepted a second as fast as accepted
	require.Contains(t, text.String(), "max: 4 examples were accepted and not learned")
	require.Contains(t, text.String(), "5000/s: stable did not answer 1 of 3 probes")
	require.Regexp(t, `(?m)^BenchmarkLoop/feedback/offered=5000-\d+\t1000\t200000 ns/op\t5000 accepted/s\t5000 learned/s`, text.String())
	require.Regexp(t, `(?m)^BenchmarkLoop/feedback/offered=max-\d+\t2000\t50000 ns/op\t20000 accepted/s\t10000 learned/s`, text.String())

	text.Reset()
	require.NoError(t, r.write(&text, true))
	var back report
	require.NoError(t, json.Unmarshal(text.Bytes(), &back))
	require.Equal(t, *r, back)
}

func TestWrongCallsAreToldApartFromFailedRuns(t *testing.T) {
	for _, args := range [][]string{
		{"-events", "0"}, {"-connections", "0"}, {"-batch", "20000"}, {"-rate", "fast"}, {"-rate", "-1"},
		{"-stage", "-1s"}, {"-probe", "0s"}, {"more"}, {"-unknown"},
	} {
		require.Equal(t, 2, run(t.Context(), args, io.Discard, io.Discard), "%v", args)
	}
	o, err := parse([]string{"-rate", "100, 0"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []int{100, 0}, o.rates)
}
