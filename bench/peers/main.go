package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"slices"
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
	settings
	only   *regexp.Regexp
	python string
	json   string
	plots  string
	list   bool
	table  bool
	// profile is a file for the processor profile of this process: ours, and in-process rivals.
	profile string
}

func parse(args []string, errw io.Writer) (options, error) {
	var o options
	var only string
	f := flag.NewFlagSet("peers", flag.ContinueOnError)
	f.SetOutput(errw)
	f.DurationVar(&o.slice, "slice", 100*time.Millisecond, "how long a side runs before the other's turn")
	f.IntVar(&o.rounds, "rounds", 30, "slices of each side")
	f.IntVar(&o.instances, "instances", 3, "fresh instances of the peer to choose the fastest from, for each of its variants")
	f.StringVar(&only, "only", "", "measure the rows whose name matches this regular expression alone")
	f.StringVar(&o.python, "python", "", "interpreter that has torch; python3 or /usr/bin/python3, whichever has, if empty")
	f.StringVar(&o.json, "json", "", "write the figures to this file, too")
	f.StringVar(&o.plots, "plots", "", "measure how cost grows, and draw it into this folder")
	f.StringVar(&o.profile, "profile", "", "write a processor profile of this process to this file; PyTorch is in others")
	f.BoolVar(&o.table, "table", true, "measure the table")
	f.BoolVar(&o.list, "list", false, "list the rows, those that -only matches, and measure nothing")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.only, err = regexp.Compile(only); err != nil {
		return o, fmt.Errorf("-only: must be a regular expression: %w", err)
	}
	named := func(w workload) bool { return o.only.MatchString(w.title()) }
	switch {
	case o.table && !slices.ContainsFunc(workloads(), named):
		return o, fmt.Errorf("-only: no row's name matches %q; -list names them", only)
	case f.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	case o.slice < time.Millisecond:
		return o, errors.New("-slice: must be at least 1ms")
	case o.rounds < 3:
		return o, errors.New("-rounds: must be at least 3")
	case o.instances < 1:
		return o, errors.New("-instances: must be at least 1")
	}
	return o, nil
}

// run returns the exit status: 0 if everything was measured, whatever it was, 1 if not, 2 for
// a wrong call.
func run(ctx context.Context, args []string, out, errw io.Writer) int {
	o, err := parse(args, errw)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errw, "peers:", err)
		return 2
	}
	if o.list {
		for _, w := range workloads() {
			if o.only.MatchString(w.title()) {
				fmt.Fprintln(out, w.title())
			}
		}
		return 0
	}
	r := newReport(args)
	err = measure(ctx, o, r, errw)
	if len(r.Rows)+len(r.Growth) > 0 {
		err = errors.Join(err, r.write(out))
	}
	if err == nil && o.json != "" {
		err = save(o.json, r.writeJSON)
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(errw, "interrupted")
		return 130 // as a shell reports a process that ended by SIGINT
	default:
		fmt.Fprintln(errw, "peers:", err)
	}
	return 1
}

// profiled runs f with a processor profile, if a file for it is named.
func profiled(name string, f func() error) error {
	if name == "" {
		return f()
	}
	to, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	if err := pprof.StartCPUProfile(to); err != nil {
		return errors.Join(fmt.Errorf("write profile: %w", err), to.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, to.Close())
}

func save(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("save figures: %w", err)
	}
	return errors.Join(write(f), f.Close())
}

// measure fills in the report, row by row.
func measure(ctx context.Context, o options, r *report, errw io.Writer) (err error) {
	r.Load = append(r.Load, loadAverage())
	fmt.Fprintln(errw, "measuring the machine")
	r.Limits = measureLimits()
	p, err := newPeers(ctx, o)
	if err != nil {
		r.Skipped = err.Error()
		fmt.Fprintln(errw, "PyTorch: skipped:", err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if o.table {
		if err := profiled(o.profile, func() error { return r.measureTable(ctx, o, p, errw) }); err != nil {
			return err
		}
	}
	if o.plots != "" {
		if r.Growth, err = drawAll(ctx, p, r.Limits, o.plots, errw); err != nil {
			return err
		}
	}
	r.Torch, r.Notes = p.version(), p.notes
	r.Load = append(r.Load, loadAverage())
	return nil
}

func (r *report) measureTable(ctx context.Context, o options, p *peers, errw io.Writer) error {
	for _, w := range workloads() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !o.only.MatchString(w.title()) {
			continue
		}
		row, err := p.measure(ctx, w, r.Limits)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		r.Rows = append(r.Rows, row)
		fmt.Fprintf(errw, "%s: %s %s/s, %s %s\n", row.title(), short(row.Ours.Median), row.Unit, row.RivalName, ratio(row.Ratio.Median))
	}
	return nil
}

// loadAverage returns that of the last minute, where the system says it.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// processor returns the name that the system has for it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for l := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
