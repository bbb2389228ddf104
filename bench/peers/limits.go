package main

import (
	"math/rand/v2"
	"time"

	"github.com/perennial-ml/perennial/compute"
)

// limits are what the machine does at best, measured.
type limits struct {
	Kernels string  `json:"kernels"`
	Peak    float64 `json:"peak"` // floating point operations a second, one core, on registers alone
	// Streams are bytes a second between the processor and as much memory.
	Streams []stream `json:"streams"`
	// Lines are cache lines a second, read and written at random places of as much memory.
	Lines []stream `json:"lines"`
	// Latency is seconds from one random line to the next where the next depends on it.
	Latency []stream `json:"latency"`
}

// A stream is a figure for a footprint in bytes.
type stream struct {
	Footprint float64 `json:"footprint"`
	Value     float64 `json:"value"`
}

// at returns the figure of the largest footprint that is not above, so that the limit that
// is derived is rather too high than too low.
func at(list []stream, footprint float64) float64 {
	if len(list) == 0 {
		return 0
	}
	v := list[0].Value
	for _, s := range list {
		if s.Footprint <= footprint {
			v = s.Value
		}
	}
	return v
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

func measureLimits() limits {
	k := compute.Best()
	l := limits{Kernels: k.Name()}
	for range 20 {
		l.Peak = max(l.Peak, peak(k))
	}
	memory := make([]float32, 256*mib/4)
	for i := range memory {
		memory[i] = 1
	}
	for _, size := range []int{16 * kib, 256 * kib, mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib} {
		l.Streams = append(l.Streams, stream{float64(size), streamed(k, memory[:size/4])})
	}
	order := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{4 * mib, 16 * mib, 64 * mib, 256 * mib} {
		lines, latency := scattered(memory[:size/4], order)
		l.Lines = append(l.Lines, stream{float64(size), lines})
		l.Latency = append(l.Latency, stream{float64(size), latency})
	}
	return l
}

// peak is one short run of multiply-adds.
func peak(k compute.Arithmetic) float64 {
	start := time.Now()
	ops := k.PeakFMA(50_000)
	return float64(ops) / time.Since(start).Seconds()
}

// streamed is the best of reading, copying, and an update that reads two and writes one.
func streamed(k compute.Arithmetic, x []float32) float64 {
	const part = 64 * kib / 4 // below what a copy writes around the caches
	half, third := len(x)/2, len(x)/3
	u := k.NewUpdater()
	h := &compute.Hyper{Rate: 1e-9, Scale: 1, Factor: 1}
	kinds := []struct {
		bytes int
		run   func()
	}{
		{4 * len(x), func() { k.Finite(x) }},
		{8 * half, func() { copy(x[:half], x[half:]) }},
		{8 * half, func() {
			for i := 0; i < half; i += part {
				copy(x[i:min(i+part, half)], x[half+i:])
			}
		}},
		{12 * third, func() { u.SGD(x[:third], x[:third], x[third:2*third], nil, h) }},
	}
	best := 0.0
	for _, kind := range kinds {
		kind.run()
		for range 7 {
			n, start := 0, time.Now()
			for time.Since(start) < 2*time.Millisecond {
				kind.run()
				n++
			}
			best = max(best, float64(n*kind.bytes)/time.Since(start).Seconds())
		}
	}
	return best
}

// line is the number of values of a cache line.
const line = 16

// scattered returns how many random lines a second are read and written if all addresses
// are known beforehand, and the seconds for each if they are not.
func scattered(x []float32, r *rand.Rand) (lines, latency float64) {
	const n = 1 << 16
	places := make([]int32, n)
	for i := range places {
		places[i] = r.Int32N(int32(len(x)/line)) * line
	}
	for range 9 {
		start := time.Now()
		for _, p := range places {
			x[p]++
		}
		lines = max(lines, n/time.Since(start).Seconds())
	}
	at := int32(0)
	latency = 1
	for range 5 {
		start := time.Now()
		for _, p := range places {
			at = (p + at) & int32(len(x)-1) &^ (line - 1)
			at += int32(x[at+1]) // always the same value, which the processor does not know
		}
		latency = min(latency, time.Since(start).Seconds()/n)
	}
	x[line-1] += float32(at & 1) // so that the chain is not left out
	return lines, latency
}

// A limit is what the hardware allows for a cost.
type limit struct {
	Rate float64 `json:"rate"` // steps a second
	By   string  `json:"by"`
}

// of returns the limit of a cost on so many cores.
func (l limits) of(c cost, peak float64, threads int) limit {
	var out limit
	bound := func(seconds float64, by string) {
		if seconds > 0 && (out.By == "" || 1/seconds < out.Rate) {
			out = limit{1 / seconds, by}
		}
	}
	if peak > 0 {
		bound(c.FLOP/peak/float64(threads), "FMA")
	}
	bound(c.Bytes/at(l.Streams, c.Footprint), "bytes")
	bound(c.Lines/at(l.Lines, c.LineFootprint), "random lines")
	return out
}
