package campaign

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perennial-ml/perennial/bench/data"
	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/result"
	"github.com/perennial-ml/perennial/bench/trial"
)

// A Campaign is what of a suite is to be run.
type Campaign struct {
	Suite   protocol.Suite
	Methods []string // by name; none for all
	Seeds   []uint64 // none for the suite's
	Jobs    int      // trials at a time; default 1
	Data    data.Split
	Store   *result.Store
	Origin  result.Origin
	Clock   func() time.Time
	// Progress is told how much of the work is done, in thousandths of trials.
	Progress func(done, total int64)
	// Finished is told each run once it is written down.
	Finished func(result.Run)
}

// job is one trial to be run.
type job struct {
	method protocol.Method
	digest string
	seed   uint64
}

// perTrial is how finely the progress of a trial is told.
const perTrial = 1000

// Run runs what is missing. It returns the number of runs that were there already.
func (c Campaign) Run(ctx context.Context) (skipped int, err error) {
	jobs, skipped, err := c.plan()
	if err != nil {
		return 0, err
	}
	p := progress{total: int64(len(jobs)) * perTrial, share: make([]int64, len(jobs)), tell: c.Progress}
	p.set(0, 0)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	var finished sync.Mutex
	for range max(1, c.Jobs) {
		workers.Go(func() {
			for i := range next {
				j := jobs[i]
				run, err := c.run(ctx, j, func(done, total int64) { p.set(i, done*perTrial/max(1, total)) })
				if err != nil {
					stop(fmt.Errorf("%s/%s, seed %d: %w", c.Suite.Name, j.method.Name, j.seed, err))
					continue
				}
				p.set(i, perTrial)
				finished.Lock()
				if c.Finished != nil {
					c.Finished(run)
				}
				finished.Unlock()
			}
		})
	}
	for i := range jobs {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return skipped, context.Cause(ctx)
}

// Validate returns an error unless the suite has all of the methods.
func (c Campaign) Validate() error {
	for _, name := range c.Methods {
		if _, ok := c.Suite.Method(name); !ok {
			var names []string
			for _, m := range c.Suite.Methods {
				names = append(names, m.Name)
			}
			return fmt.Errorf("suite %s has no method %q; there is %s", c.Suite.Name, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// plan lists what is to be run: a seed of every method before the next one, so that an
// interrupted campaign has a table.
func (c Campaign) plan() (jobs []job, skipped int, err error) {
	if err := c.Validate(); err != nil {
		return nil, 0, err
	}
	seeds := c.Seeds
	if len(seeds) == 0 {
		seeds = c.Suite.Seeds
	}
	for _, seed := range seeds {
		for _, m := range c.Suite.Methods {
			if len(c.Methods) > 0 && !slices.Contains(c.Methods, m.Name) {
				continue
			}
			j := job{method: m, digest: c.Suite.Digest(m), seed: seed}
			if c.Store.Has(m.Name, j.digest, seed) {
				skipped++
				continue
			}
			jobs = append(jobs, j)
		}
	}
	return jobs, skipped, nil
}

func (c Campaign) run(ctx context.Context, j job, progress func(done, total int64)) (result.Run, error) {
	t := trial.Trial{Suite: c.Suite, Method: j.method, Seed: j.seed, Data: c.Data, Progress: progress, Clock: c.Clock}
	outcome, err := t.Run(ctx)
	if err != nil {
		return result.Run{}, err
	}
	r := result.Run{
		Suite: c.Suite.Name, Method: j.method.Name, Digest: j.digest, Seed: j.seed,
		Figures: result.Figures(outcome), Outcome: outcome, Origin: c.Origin,
	}
	now := time.Now
	if c.Clock != nil {
		now = c.Clock
	}
	r.Finished = now().UTC().Truncate(time.Second)
	return r, c.Store.Append(r)
}

// progress adds up what the trials have done.
type progress struct {
	mu    sync.Mutex
	share []int64
	done  int64
	total int64
	tell  func(done, total int64)
}

func (p *progress) set(i int, share int64) {
	if p.tell == nil || len(p.share) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += share - p.share[i]
	p.share[i] = share
	p.tell(p.done, p.total)
}
