package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/ledger"
)

// A kind is a way to die.
type kind string

const (
	atRandom    kind = "kill at a random time"
	atFailpoint kind = "kill at a failpoint"
	atStart     kind = "kill while starting"
	withErrors  kind = "errors, then kill"
	cleanly     kind = "clean stop"
)

func kinds() []kind { return []kind{atFailpoint, atRandom, atStart, withErrors, cleanly} }

// A cycle is one life, as planned.
type cycle struct {
	kind   kind
	point  string // of atFailpoint
	points string // armed
	after  time.Duration
	damage bool
	// kernels is the family by which this life computes: what one life learned by one,
	// the next goes on with by another.
	kernels string
}

// A planner decides how each life ends. It steers towards the failpoints that were
// reached least.
type planner struct {
	rng     *rand.Rand
	only    bool
	points  []string
	kernels []string // families in turn
	turn    int
	reached map[string]int
	missed  map[string]int // not reached in time
}

func newPlanner(seed uint64, failpointsOnly bool) *planner {
	return &planner{
		rng: rand.New(rand.NewPCG(seed, 0)), only: failpointsOnly,
		points:  append(slices.Clone(ledger.Failpoints()), checkpoint.Failpoints...),
		kernels: compute.Families(),
		reached: map[string]int{}, missed: map[string]int{},
	}
}

func (p *planner) next() cycle {
	c := cycle{damage: !p.only && p.rng.IntN(10) == 0, kernels: p.family()}
	switch k := p.rng.IntN(100); {
	case p.only || k < 55:
		c.kind = atFailpoint
		c.point = p.least()
		c.points = fmt.Sprintf("%s=crash:%d", c.point, 1+p.rng.IntN(p.upTo(c.point)))
	case k < 75:
		c.kind, c.after = atRandom, p.between(20, 350)
	case k < 84:
		c.kind, c.after = atStart, p.between(0, 150)
	case k < 92:
		c.kind, c.after = withErrors, p.between(100, 350)
		var armed []string
		for _, i := range p.rng.Perm(len(p.points))[:6] {
			armed = append(armed, fmt.Sprintf("%s=error:%d", p.points[i], 1+p.rng.IntN(4)))
		}
		c.points = strings.Join(armed, ";")
	default:
		c.kind, c.after = cleanly, p.between(0, 300)
	}
	return c
}

// family is the next life's family of kernels.
func (p *planner) family() string {
	p.turn++
	return p.kernels[p.turn%len(p.kernels)]
}

func (p *planner) between(low, high int) time.Duration {
	return time.Duration(low+p.rng.IntN(high-low)) * time.Millisecond
}

// least picks one of the points that were reached, or tried, least often.
func (p *planner) least() string {
	tried := func(name string) int { return p.reached[name] + p.missed[name] }
	fewest := tried(p.points[0])
	for _, name := range p.points {
		fewest = min(fewest, tried(name))
	}
	var list []string
	for _, name := range p.points {
		if tried(name) == fewest {
			list = append(list, name)
		}
	}
	return list[p.rng.IntN(len(list))]
}

// upTo is the latest hit worth waiting for: steps that come often may be broken late. A
// point that was missed before is broken at once.
func (p *planner) upTo(point string) int {
	switch {
	case p.missed[point] > 0:
		return 1
	case strings.HasPrefix(point, "checkpoint.blob.sync:"), strings.HasPrefix(point, "checkpoint.blob.rename"):
		return 40
	case strings.HasPrefix(point, "ledger.commit"):
		return 12
	case strings.HasPrefix(point, "ledger."):
		return 2
	}
	return 4
}

// never returns the failpoints that were never reached.
func (p *planner) never() []string {
	var list []string
	for _, name := range p.points {
		if p.reached[name] == 0 {
			list = append(list, name)
		}
	}
	return list
}
