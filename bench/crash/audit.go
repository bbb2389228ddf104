package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/perennial-ml/perennial/bench/crash/oracle"
	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/cli/ui"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/ledger"
)

// maxCompared bounds the positions at which a model's states are compared, beside those
// of the versions that are still there: a hash encodes the whole state.
const maxCompared = 400

// audit holds everything that is left against the logs.
func (h *harness) audit(ctx context.Context, errw io.Writer) error {
	for _, m := range h.set.config.Models {
		running, err := h.ask(ctx, m.Name, h.set.file)
		whole := map[string]stateHash{}
		for _, family := range compute.Families() {
			if err == nil {
				whole[family], err = h.ask(ctx, m.Name, h.set.by[family], "--from-start")
			}
		}
		if err != nil {
			h.report.violate("%v", err)
			continue
		}
		h.report.final(m.Name, running, whole)
	}
	cfg := h.set.config.Log
	cfg.Listen = ""
	broker, err := ledger.Connect(ctx, cfg, h.quiet)
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	errs := make([]error, len(h.set.config.Models))
	found := make([]*finding, len(errs))
	bar := ui.NewProgress(errw, "scanning the logs", -1)
	for i, m := range h.set.config.Models {
		both.Go(func() { found[i], errs[i] = h.scan(ctx, broker, m, bar) })
	}
	both.Wait()
	bar.Close()
	err = errors.Join(append(errs, broker.Close())...)
	for _, f := range found {
		if f != nil {
			h.report.judge(f)
		}
	}
	return err
}

// A finding is what one scan of a model's log brought to light.
type finding struct {
	model   string
	records int

	lost      []string // acknowledged, and not in the log
	moved     []string // acknowledged at a position at which something else is
	banned    []string // in the log, and must not be
	repeated  []string // twice in the log within the broker's window
	repeats   int      // in the log again, for whatever reason
	forgotten int      // of these within the window, after an erasure

	compared  int
	differing []string // versions whose state is another one
	unread    []string // versions that cannot be read, and were not damaged by us

	counts  []count
	twice   int // by the oracle's own account: 0, or it is wrong
	letters []string
}

// A count is one figure as the engine has it, and as the oracle does.
type count struct {
	name           string
	engine, oracle uint64
}

// scan goes through a model's log once, with the oracle and with a state machine that
// is never interrupted.
func (h *harness) scan(ctx context.Context, broker *ledger.Broker, m config.Model, bar *ui.Progress) (*finding, error) {
	f := &finding{model: m.Name}
	log, err := broker.Open(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	store, err := machine.OpenStoreReader(h.set.config, m, h.quiet)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	mach, err := machine.New(h.set.config, m, log, store, h.quiet)
	if err != nil {
		return nil, err
	}
	left, err := h.whole(ctx, store, m.Name, f)
	if err != nil {
		return nil, err
	}
	wanted := choose(h.store.hashes[m.Name], left, h.opt.seed)
	c := comparer{finding: f, machine: mach, wanted: wanted, hashes: h.store.hashes[m.Name]}
	where := newPlaces(m.Name, h.book, h.set.config.Log.DuplicateWindow)
	count := oracle.New(oracleConfig(h.set.config, m))

	state, err := log.State(ctx)
	if err != nil {
		return nil, err
	}
	err = log.Range(ctx, 1, state.Last, func(raw ledger.Raw) error {
		if err := c.before(uint64(raw.Position)); err != nil {
			return err
		}
		f.records++
		bar.Add(1)
		rec := oracle.Record{Position: uint64(raw.Position), Time: raw.Time, Header: raw.Header, Data: raw.Data}
		where.see(f, rec.ID(), rec.Position, raw.Time)
		count.Apply(rec)
		if _, err := mach.Engine.Apply(mach.Decode(raw)); err != nil {
			return fmt.Errorf("model %s: apply record %d: %w", m.Name, raw.Position, err)
		}
		return nil
	})
	if err == nil {
		err = c.before(^uint64(0))
	}
	if err != nil {
		return nil, err
	}
	where.finish(f)
	f.twice = count.Twice()
	lineage, err := h.lineage(ctx, m, log, store)
	if err != nil {
		return nil, err
	}
	f.counts = compareCounts(lineage, count.Counts())
	return f, h.letters(ctx, log, count.Refused(), f)
}

// lineage returns the account of the learner that lived through all the crashes: its
// newest version, and the tail of the log.
func (h *harness) lineage(ctx context.Context, m config.Model, log *ledger.Log, store *checkpoint.Store) (engine.Report, error) {
	mach, err := machine.New(h.set.config, m, log, store, h.quiet)
	if err != nil {
		return engine.Report{}, err
	}
	if _, err := mach.Restore(ctx, machine.How{}); err != nil {
		return engine.Report{}, err
	}
	state, err := log.State(ctx)
	if err != nil {
		return engine.Report{}, err
	}
	err = mach.ScanTo(ctx, state.Last, nil, nil)
	return mach.Engine.Report(), err
}

// whole reads every version that is left, byte by byte, and returns those that can be
// resumed.
func (h *harness) whole(ctx context.Context, store *checkpoint.Store, model string, f *finding) ([]uint64, error) {
	list, err := store.Versions()
	if err != nil {
		return nil, err
	}
	var left []uint64
	for i := range list {
		v := list[i].Version
		saved, err := store.Get(v)
		if err == nil {
			err = saved.Verify(ctx, nil)
			saved.Close()
		}
		if err != nil && !h.store.broken(model, uint64(v)) {
			f.unread = append(f.unread, fmt.Sprintf("%s: %v", v, err))
		}
		if machine.Resumable(&list[i]) {
			left = append(left, uint64(v))
		}
	}
	return left, nil
}

// choose picks, in ascending order, the positions at which states are compared: all
// that are left, and of the others as many as maxCompared allows.
func choose(hashes map[uint64]string, left []uint64, seed uint64) []uint64 {
	all := make([]uint64, 0, len(hashes))
	for v := range hashes {
		all = append(all, v)
	}
	slices.Sort(all)
	rng := rand.New(rand.NewPCG(seed, 2))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = append(all[:min(len(all), maxCompared)], left...)
	if len(hashes) > 0 {
		newest := uint64(0)
		for v := range hashes {
			newest = max(newest, v)
		}
		all = append(all, newest)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A comparer holds the uninterrupted machine against the versions seen.
type comparer struct {
	finding *finding
	machine *machine.Machine
	wanted  []uint64 // ascending
	hashes  map[uint64]string
}

// before compares what is wanted at positions before the record to come: the machine
// stands after the last record at or before them.
func (c *comparer) before(next uint64) error {
	for len(c.wanted) > 0 && c.wanted[0] < next {
		v := c.wanted[0]
		c.wanted = c.wanted[1:]
		hash, err := c.machine.Engine.Hash()
		if err != nil {
			return err
		}
		c.finding.compared++
		if want := c.hashes[v]; hash != want {
			c.finding.differing = append(c.finding.differing,
				fmt.Sprintf("version %d: the learner had %s, an uninterrupted run has %s", v, want, hash))
		}
	}
	return nil
}

// letters holds the dead letters against the records that were refused.
func (h *harness) letters(ctx context.Context, log *ledger.Log, refused []uint64, f *finding) error {
	letters, err := log.DeadLetters(ctx, 0, len(refused)+1000)
	if err != nil {
		return err
	}
	have := map[uint64]int{}
	for _, l := range letters {
		have[uint64(l.Position)]++
	}
	for _, p := range refused {
		if have[p] != 1 {
			f.letters = append(f.letters, fmt.Sprintf("record %d was refused and has %d letters", p, have[p]))
		}
	}
	return nil
}
