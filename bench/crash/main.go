package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	cycles         int
	seed           uint64
	keep           bool
	failpointsOnly bool
	binary         string
	sabotage       string
	stopWithin     time.Duration
}

func parse(args []string, errw io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("crash", flag.ContinueOnError)
	f.SetOutput(errw)
	f.IntVar(&o.cycles, "cycles", 50, "how often the learner dies")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the plan and of the traffic; 0 takes one from the clock")
	f.BoolVar(&o.keep, "keep", false, "keep the folder of a run that succeeded, too")
	f.BoolVar(&o.failpointsOnly, "failpoints-only", false, "die at failpoints alone, in turn")
	f.StringVar(&o.binary, "binary", "", "learner to test; built from this module if empty")
	f.StringVar(&o.sabotage, "sabotage", "", "make a fault on purpose, to see it found: "+sabotages())
	f.DurationVar(&o.stopWithin, "stop-within", stopWithin, "how long a clean stop may take")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.cycles < 1:
		return o, errors.New("-cycles: must be at least 1")
	case o.stopWithin <= 0:
		return o, errors.New("-stop-within: must be above 0")
	case !knownSabotage(o.sabotage):
		return o, fmt.Errorf("-sabotage: must be one of %s", sabotages())
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	return o, nil
}

// run returns the exit status: 0 if everything held, 1 if something was violated or
// the run could not be made, 2 for a wrong call.
func run(ctx context.Context, args []string, out, errw io.Writer) int {
	o, err := parse(args, errw)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errw, "crash:", err)
		return 2
	}
	dir, err := os.MkdirTemp("", "perennial-crash-")
	if err != nil {
		fmt.Fprintln(errw, "crash:", err)
		return 1
	}
	rep, err := prove(ctx, o, dir, errw)
	rep.write(out)
	if err == nil && len(rep.violations) == 0 {
		if !o.keep {
			err = os.RemoveAll(dir)
		}
		if err == nil {
			return 0
		}
	}
	if err != nil {
		fmt.Fprintln(errw, "crash:", err)
	}
	fmt.Fprintf(out, "\nkept  %s\nagain go run ./bench/crash -cycles %d -seed %d%s\n", dir, o.cycles, o.seed, more(o))
	return 1
}

func more(o options) string {
	s := ""
	if o.failpointsOnly {
		s += " -failpoints-only"
	}
	if o.sabotage != "" {
		s += " -sabotage " + o.sabotage
	}
	if o.stopWithin != stopWithin {
		s += " -stop-within " + o.stopWithin.String()
	}
	return s
}
