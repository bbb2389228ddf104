package result

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/perennial-ml/perennial/bench/trial"
)

// A Run is one finished trial.
type Run struct {
	Suite  string `json:"suite"`
	Method string `json:"method"`
	// Digest stands for protocol and method: runs of another one are not compared.
	Digest  string             `json:"digest"`
	Seed    uint64             `json:"seed"`
	Figures map[string]float64 `json:"figures"` // by name; what does not apply is absent
	Outcome trial.Outcome      `json:"outcome"`
	Origin
}

// Origin says where a run comes from.
type Origin struct {
	Commit   string    `json:"commit"`
	Command  string    `json:"command"`
	Machine  string    `json:"machine"`
	Finished time.Time `json:"finished"`
}

// Here returns the origin of what this process measures with those arguments.
func Here(args []string) Origin {
	return Origin{Commit: commit(), Command: strings.Join(args, " "), Machine: machine()}
}

// commit is what the binary was built from.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	name, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			name = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+"
		}
	}
	return name + modified
}

func machine() string {
	name := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return strings.Join([]string{name, runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}, ", ")
}

// Names of the figures. docs/metrics.md has their formulas.
const (
	Accuracy           = "accuracy"
	Prequential        = "prequential"
	LearningAccuracy   = "learning_accuracy"
	BackwardTransfer   = "backward_transfer"
	BackwardTransferDR = "backward_transfer_dr"
	ForwardTransfer    = "forward_transfer"
	Forgetting         = "forgetting"
	AnytimeAccuracy    = "anytime_accuracy"
	MinimumAccuracy    = "minimum_accuracy"
	WorstCaseAccuracy  = "worst_case_accuracy"
	Retention          = "retention"
)

// Figures computes every figure that an outcome has.
func Figures(o trial.Outcome) map[string]float64 {
	out := map[string]float64{}
	set := func(name string, v float64) {
		if !math.IsNaN(v) {
			out[name] = v
		}
	}
	tasks, looks := o.Matrix.Tasks(o.First), o.Curve.Tasks()
	set(Accuracy, tasks.AverageAccuracy())
	set(LearningAccuracy, tasks.LearningAccuracy())
	set(BackwardTransfer, tasks.BackwardTransfer())
	set(BackwardTransferDR, o.Matrix.BackwardTransferDR())
	set(ForwardTransfer, tasks.ForwardTransfer())
	set(Forgetting, tasks.Forgetting())
	set(AnytimeAccuracy, o.Curve.AnytimeAccuracy())
	set(MinimumAccuracy, looks.MinimumAccuracy())
	set(WorstCaseAccuracy, looks.WorstCaseAccuracy())
	if o.Prequential != nil {
		set(Prequential, *o.Prequential)
	}
	if n := len(o.Stream); n > 0 && o.Stream[n-1].Anchor != nil {
		set(Retention, *o.Stream[n-1].Anchor)
	}
	return out
}
