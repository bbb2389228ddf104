package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what a run is told.
type options struct {
	events      int
	connections int
	batch       int
	rates       []int // offered, events a second; 0: as fast as accepted
	stage       time.Duration
	probe       time.Duration
	joined      bool
	json        bool
	keep        bool
	dir         string
	binary      string
	seed        uint64
}

func parse(args []string, errw io.Writer) (options, error) {
	var o options
	var rates string
	f := flag.NewFlagSet("loop", flag.ContinueOnError)
	f.SetOutput(errw)
	f.IntVar(&o.events, "events", 300_000, "events of a stage without an offered rate, and the most of any other")
	f.IntVar(&o.connections, "connections", 8, "connections that post batches")
	f.IntVar(&o.batch, "batch", 250, "events in a post")
	f.StringVar(&rates, "rate", "5000,10000,20000,30000,0", "offered rates, events/s, one stage each; 0 is as fast as accepted")
	f.DurationVar(&o.stage, "stage", 10*time.Second, "length of a stage with an offered rate; 0 leaves it to -events")
	f.DurationVar(&o.probe, "probe", 20*time.Millisecond, "pause between two probes of freshness")
	f.BoolVar(&o.joined, "joined", false, "post predictions and, a moment later, their outcomes, instead of self-contained feedback")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	f.BoolVar(&o.keep, "keep", false, "keep the learner's folder")
	f.StringVar(&o.dir, "dir", "", "where to make the learner's folder; the system's temporary folder if empty")
	f.StringVar(&o.binary, "binary", "", "learner to measure; built from this module if empty")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the events")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, text := range strings.Split(rates, ",") {
		r, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || r < 0 {
			return o, fmt.Errorf("-rate: must be whole numbers of 0 or more, separated by commas, got %q", text)
		}
		o.rates = append(o.rates, r)
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.events < 1:
		return o, errors.New("-events: must be at least 1")
	case o.connections < 1 || o.connections > 200:
		return o, errors.New("-connections: must be from 1 to 200")
	case o.batch < 1 || o.batch > 10_000:
		return o, errors.New("-batch: must be from 1 to 10000")
	case o.stage < 0:
		return o, errors.New("-stage: must not be negative")
	case o.probe < time.Millisecond:
		return o, errors.New("-probe: must be at least 1ms")
	}
	return o, nil
}

// run returns the exit status: 0 if everything was measured, 1 if not, 2 for a wrong call.
func run(ctx context.Context, args []string, out, errw io.Writer) int {
	o, err := parse(args, errw)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errw, "loop:", err)
		return 2
	}
	rep, err := measure(ctx, o, errw)
	if rep != nil && len(rep.Stages) > 0 {
		if werr := rep.write(out, o.json); werr != nil {
			err = errors.Join(err, werr)
		}
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(errw, "interrupted")
	default:
		fmt.Fprintln(errw, "loop:", err)
	}
	return 1
}
