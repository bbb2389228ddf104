package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
)

// A report is what a run measured.
type report struct {
	Processors  int     `json:"processors"`
	Connections int     `json:"connections"`
	Batch       int     `json:"batch"`
	EventBytes  int     `json:"event_bytes"`
	Joined      bool    `json:"joined"`
	Stages      []stage `json:"stages"`
	Stop        float64 `json:"stop_s"` // from SIGTERM until the learner was gone
}

// A stage is one offered rate, measured. Times are in seconds.
type stage struct {
	Offered  int     `json:"offered_per_s"` // 0: as fast as accepted
	Events   int64   `json:"events"`        // accepted, probes left out
	Examples int64   `json:"examples"`      // that they make
	Posted   float64 `json:"posted_s"`      // from the first post to the last answer
	Drain    float64 `json:"drain_s"`       // from there until all of it was learned
	Missing  float64 `json:"missing"`       // examples accepted and not learned
	Busy     int64   `json:"busy"`          // posts refused for a moment, and sent again

	Probes    int     `json:"probes"`
	AcceptP50 float64 `json:"accept_p50_s"` // one event, posted by itself
	AcceptP99 float64 `json:"accept_p99_s"`
	FreshP50  float64 `json:"fresh_p50_s"` // until an answer by weights that contain it
	FreshP99  float64 `json:"fresh_p99_s"`
	FreshMax  float64 `json:"fresh_max_s"`
	StableP50 float64 `json:"stable_p50_s"` // the same of stable, which waits for its policy
	StableP99 float64 `json:"stable_p99_s"`
	Held      int     `json:"held"` // probes that stable did not answer in time

	LearnerCPU float64 `json:"learner_cpu_s"`
	LoadCPU    float64 `json:"load_cpu_s"`

	PauseP50    float64 `json:"pause_p50_s"` // the loop's stop to copy its state
	PauseP99    float64 `json:"pause_p99_s"`
	Checkpoints float64 `json:"checkpoints"`
	WriteP50    float64 `json:"checkpoint_p50_s"`

	LogBytes float64  `json:"log_bytes_per_event"` // over the whole log so far
	RSS      float64  `json:"rss_bytes"`           // at the end
	RSSMax   float64  `json:"rss_max_bytes"`
	Samples  []sample `json:"samples"`
}

func (s *stage) accepted() float64 { return float64(s.Events) / s.Posted }
func (s *stage) learned() float64  { return float64(s.Examples) / (s.Posted + s.Drain) }

// summarise takes from the learner's own figures.
func (s *stage) summarise(before, after figures) {
	s.LearnerCPU = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
	s.Missing = max(0, float64(s.Examples)+float64(s.Probes)-(after.learned()-before.learned()))
	pauses := after.buckets("perennial_snapshot_pause_seconds", before)
	s.PauseP50, s.PauseP99 = histogram(pauses, 0.5), histogram(pauses, 0.99)
	writes := after.buckets("perennial_checkpoint_seconds", before)
	s.WriteP50 = histogram(writes, 0.5)
	if n := len(writes); n > 0 {
		s.Checkpoints = writes[n-1].n
	}
	s.RSS = after["process_resident_memory_bytes"]
	s.RSSMax = s.RSS
	for _, p := range s.Samples {
		s.RSSMax = max(s.RSSMax, p.RSS)
	}
}

// logBytes asks what the log takes.
func (s *stage) logBytes(ctx context.Context, c *http.Client, base string) error {
	body, err := get(ctx, c, base+"/v1/models/"+modelName)
	if err != nil {
		return err
	}
	var status struct {
		Learner struct {
			Log struct {
				Last  float64 `json:"last"`
				Bytes float64 `json:"bytes"`
			} `json:"log"`
		} `json:"learner"`
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return fmt.Errorf("read the model's status: %w", err)
	}
	s.LogBytes = status.Learner.Log.Bytes / max(1, status.Learner.Log.Last)
	return nil
}

// histogram returns the bound of the bucket that holds quantile q: the value is at most
// that, and more than the bound before. 0 without observations.
func histogram(b []bucket, q float64) float64 {
	if len(b) == 0 || b[len(b)-1].n == 0 {
		return 0
	}
	for _, step := range b {
		if step.n >= q*b[len(b)-1].n {
			return step.le
		}
	}
	return math.Inf(1)
}

func offered(rate int) string {
	if rate == 0 {
		return "max"
	}
	return strconv.Itoa(rate) + "/s"
}

func (r *report) write(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	kind := "self-contained feedback"
	if r.Joined {
		kind = "predictions and their outcomes"
	}
	fmt.Fprintf(out, "%s of %d bytes, %d to a post, %d connections; %d processors shared by learner and load\n\n",
		kind, r.EventBytes, r.Batch, r.Connections, r.Processors)
	t := ui.NewTable("offered", "accepted/s", "learned/s", "drain", "accept p50", "p99", "fresh p50", "p99", "max", "stable p50", "p99",
		"learner CPU/event", "load CPU/event", "RSS", "most")
	for i := range r.Stages {
		s := &r.Stages[i]
		n := float64(s.Events)
		t.Row(offered(s.Offered), ui.Count(int64(s.accepted())), ui.Count(int64(s.learned())), clock(s.Drain),
			clock(s.AcceptP50), clock(s.AcceptP99), clock(s.FreshP50), clock(s.FreshP99), clock(s.FreshMax), clock(s.StableP50), clock(s.StableP99),
			clock(s.LearnerCPU/n), clock(s.LoadCPU/n), ui.Bytes(int64(s.RSS)), ui.Bytes(int64(s.RSSMax)))
	}
	if _, err := t.WriteTo(out); err != nil {
		return err
	}
	last := &r.Stages[len(r.Stages)-1]
	for i := range r.Stages {
		if s := &r.Stages[i]; s.Missing > 0 {
			fmt.Fprintf(out, "%s: %.0f examples were accepted and not learned\n", offered(s.Offered), s.Missing)
		}
	}
	for i := range r.Stages {
		if s := &r.Stages[i]; s.Held > 0 {
			fmt.Fprintf(out, "%s: stable did not answer %d of %d probes within %v: its policy held the candidates, or it lagged\n",
				offered(s.Offered), s.Held, s.Probes, probeGivesUp)
		}
	}
	var checkpoints float64
	for _, s := range r.Stages {
		checkpoints += s.Checkpoints
	}
	fmt.Fprintf(out, "\nlast stage: pause for a checkpoint p50 ≤ %s, p99 ≤ %s; a checkpoint is written in ≤ %s at p50, %.0f in all\n",
		clock(last.PauseP50), clock(last.PauseP99), clock(last.WriteP50), checkpoints)
	fmt.Fprintf(out, "the log takes %.0f bytes an event; %.0f of %d posts were refused for a moment; clean stop %s\n",
		last.LogBytes, float64(last.Busy), last.Events/int64(r.Batch), clock(r.Stop))
	if len(last.Samples) > 3 {
		memory := make([]float64, len(last.Samples))
		for i, p := range last.Samples {
			memory[i] = p.RSS
		}
		fmt.Fprintf(out, "memory over the last stage, %s to %s: %s\n",
			ui.Bytes(int64(memory[0])), ui.Bytes(int64(memory[len(memory)-1])), ui.Sparkline(memory, 60, false))
	}
	fmt.Fprintln(out)
	for i := range r.Stages {
		r.Stages[i].benchmark(out, r.Joined)
	}
	return nil
}

// benchmark writes a stage in Go's benchmark format.
func (s *stage) benchmark(out io.Writer, joined bool) {
	kind := "feedback"
	if joined {
		kind = "joined"
	}
	rate := "max"
	if s.Offered > 0 {
		rate = strconv.Itoa(s.Offered)
	}
	n := float64(s.Events)
	fmt.Fprintf(out, "BenchmarkLoop/%s/offered=%s-%d\t%d\t%.0f ns/op\t%.0f accepted/s\t%.0f learned/s\t%.3f fresh-p50-ms\t%.3f fresh-p99-ms\t%.3f stable-p99-ms\t%.2f learner-cpu-us/op\t%.0f rss-MiB\t%.0f log-B/op\n",
		kind, rate, runtime.NumCPU(), s.Events, s.Posted/n*1e9, s.accepted(), s.learned(),
		s.FreshP50*1e3, s.FreshP99*1e3, s.StableP99*1e3, s.LearnerCPU/n*1e6, s.RSS/(1<<20), s.LogBytes)
}

// clock writes seconds for a person.
func clock(s float64) string {
	if math.IsInf(s, 0) {
		return "∞"
	}
	return ui.Duration(time.Duration(s * float64(time.Second)))
}
