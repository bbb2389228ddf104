package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// figures are a learner's metrics, by name and labels as they stand on the page.
type figures map[string]float64

// scrape reads /metrics.
func scrape(ctx context.Context, c *http.Client, base string) (figures, error) {
	page, err := get(ctx, c, base+"/metrics")
	if err != nil {
		return nil, err
	}
	f := figures{}
	for lines := bufio.NewScanner(bytes.NewReader(page)); lines.Scan(); {
		line := lines.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			f[line[:i]] = v
		}
	}
	return f, nil
}

// get returns the model's metric of that name.
func (f figures) get(name string) float64 { return f[name+`{model="`+modelName+`"}`] }

func (f figures) learned() float64 {
	return f[`perennial_examples_learned_total{arm="learner",model="`+modelName+`"}`]
}

// bucket is a step of a cumulative histogram.
type bucket struct{ le, n float64 }

// buckets returns what a histogram gained since earlier, by rising bound.
func (f figures) buckets(name string, earlier figures) []bucket {
	prefix := name + `_bucket{model="` + modelName + `",le="`
	var out []bucket
	for key, n := range f {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64); err == nil {
			out = append(out, bucket{le, n - earlier[key]})
		}
	}
	sortBuckets(out)
	return out
}

// A sample is one look at the learner's memory and progress.
type sample struct {
	At       float64 `json:"at_s"`
	RSS      float64 `json:"rss_bytes"`
	Heap     float64 `json:"heap_bytes"`
	Position float64 `json:"position"`
}

// watch samples the learner each second until stop closes.
func watch(ctx context.Context, c *http.Client, base string, stop <-chan struct{}, seen func(figures)) ([]sample, error) {
	began := time.Now()
	var samples []sample
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		select {
		case <-stop:
			return samples, nil
		case <-ctx.Done():
			return samples, nil
		case <-beat.C:
		}
		f, err := scrape(ctx, c, base)
		if err != nil {
			if ctx.Err() != nil {
				return samples, nil
			}
			return samples, fmt.Errorf("watch: %w", err)
		}
		seen(f)
		samples = append(samples, sample{
			At: time.Since(began).Seconds(), RSS: f["process_resident_memory_bytes"],
			Heap: f["go_memstats_heap_inuse_bytes"], Position: f.get("perennial_position"),
		})
	}
}

// ownCPU returns the processor seconds that this process has used, or 0 where that cannot
// be known.
func ownCPU() float64 {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, err := r.Gather()
	if err != nil {
		return 0
	}
	for _, f := range families {
		if f.GetName() == "process_cpu_seconds_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}
