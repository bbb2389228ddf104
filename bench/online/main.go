package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/bench/suites"
	"github.com/perennial-ml/perennial/bench/trial"
)

// A workload is one method of a suite, the script's name for the same, and how many times
// faster it is to be.
type workload struct {
	suite, method, loop string
	aim                 float64
}

func workloads() []workload {
	return []workload{
		{suite: "d-avalanche", method: "er", loop: "er", aim: 3},
		{suite: "c", method: "derpp-500", loop: "derpp", aim: 2},
	}
}

type options struct {
	data, python string
	only         *regexp.Regexp
	rows, count  int
	dense        bool
	profile      string
}

// spent is what one run took, in seconds.
type spent struct{ wall, cpu float64 }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "online:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	f := flag.NewFlagSet("online", flag.ContinueOnError)
	f.StringVar(&o.data, "data", os.Getenv("PERENNIAL_DATASETS"), "folder of the data sets (environment: PERENNIAL_DATASETS)")
	f.StringVar(&o.python, "python", "python3", "a Python that has PyTorch")
	f.IntVar(&o.rows, "rows", 2000, "rows that each task learns from")
	f.IntVar(&o.count, "count", 3, "times that each side runs")
	f.BoolVar(&o.dense, "dense", false, "take 0.1307 from every pixel of ours, so that no input is 0")
	f.StringVar(&o.profile, "profile", "", "write a profile of this process, ours alone, to this file")
	only := f.String("only", "", "measure the workloads whose name matches this regular expression alone")
	if err := f.Parse(args); err != nil {
		return err
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-only: must be a regular expression: %w", err)
	}
	if o.rows < 1 || o.count < 1 {
		return fmt.Errorf("-rows, -count: must be at least 1")
	}
	if o.profile != "" {
		to, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer to.Close()
		if err := pprof.StartCPUProfile(to); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	runtime.GOMAXPROCS(1)
	origin := result.Here(append([]string{"go run ./bench/online"}, args...))
	fmt.Fprintf(out, "%s\n%s, commit %s\n\n", origin.Command, origin.Machine, origin.Commit)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "workload\trows\tours, s\tPyTorch, s\tratio\tours, CPU s\tPyTorch, CPU s\tratio\taim\t")
	for _, w := range workloads() {
		if !o.only.MatchString(w.suite + "/" + w.method) {
			continue
		}
		ours, rival, rows, err := measure(ctx, w, o)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", w.suite, w.method, err)
		}
		fmt.Fprintf(table, "%s/%s\t%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t\n", w.suite, w.method, rows,
			median(ours, wall), median(rival, wall), median(rival, wall)/median(ours, wall),
			median(ours, cpu), median(rival, cpu), median(rival, cpu)/median(ours, cpu), w.aim)
	}
	return table.Flush()
}

// measure lets both sides run in turn.
func measure(ctx context.Context, w workload, o options) (ours, rival []spent, rows int64, err error) {
	s, err := protocol.Open(suites.FS, w.suite)
	if err != nil {
		return nil, nil, 0, err
	}
	m, ok := s.Method(w.method)
	if !ok {
		return nil, nil, 0, fmt.Errorf("the suite has no such method")
	}
	s.Scenario.Rows = o.rows
	if o.dense && s.Scenario.Mean == 0 {
		s.Scenario.Mean = 0.1307
	}
	s.Look = protocol.Look{Between: 1, Rows: 1}
	e, err := data.Find(s.Data)
	if err != nil {
		return nil, nil, 0, err
	}
	split, err := e.Load(o.data)
	if err != nil {
		return nil, nil, 0, err
	}
	split.Test = split.Test.Head(100) // scored at the end, and not counted
	for range o.count {
		// A trial has one clock, and equal trials learn the same.
		t := trial.Trial{Suite: s, Method: m, Seed: 1, Data: split, Clock: time.Now}
		byWall, err := t.Run(ctx)
		if err != nil {
			return nil, nil, 0, err
		}
		t.Clock = processorClock
		byCPU, err := t.Run(ctx)
		if err != nil {
			return nil, nil, 0, err
		}
		ours = append(ours, spent{wall: byWall.Train, cpu: byCPU.Train})
		rows = byWall.Examples
		p, err := pyTorch(ctx, w.loop, o)
		if err != nil {
			return nil, nil, 0, err
		}
		rival = append(rival, p)
	}
	return ours, rival, rows, nil
}

// processorClock shows what this process has used of processors so far.
func processorClock() time.Time { return time.Unix(0, 0).Add(processorTime()) }

func wall(s spent) float64 { return s.wall }
func cpu(s spent) float64  { return s.cpu }

func median(list []spent, of func(spent) float64) float64 {
	var v []float64
	for _, s := range list {
		v = append(v, of(s))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
