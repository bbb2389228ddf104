//go:build linux

package arm

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/rng"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
)

// rehearser is an arm on images of ten classes, whose memory saw four times as many as it
// holds, and a thousand batches more.
func rehearser(b testing.TB, hidden []int, rows int, memory replay.Config) (*Arm, *timedJudge, [][]*replay.Example) {
	spec := models.Spec{Kind: "mlp", Task: models.Multiclass, Classes: 10, Dense: 784, Hidden: hidden, Activation: "relu"}
	a := newArm(b, Front{Seed: 1, Spec: spec, Rows: rows}, Config{
		Optimizer: []optim.Config{{SGD: &optim.SGD{LearningRate: 0.001}}},
		Replay:    memory,
	})
	asked := &timedJudge{judge: a.judge, b: b}
	var err error
	a.memory, err = replay.NewJudged(a.cfg.Replay, asked)
	require.NoError(b, err)
	a.choose, err = replay.NewRetriever(a.cfg.Replay.Retrieve, a.memory, asked)
	require.NoError(b, err)
	r := rand.New(rand.NewPCG(1, 2))
	pixels := make([][]float32, 3000)
	for i := range pixels {
		pixels[i] = make([]float32, 784)
		for k := range pixels[i] {
			pixels[i][k] = float32(r.IntN(256)) / 255
		}
	}
	next := 0
	arrival := func() *replay.Example {
		ex := &replay.Example{
			ID: fmt.Sprint("image-", next), Position: uint64(next), Target: float32(r.IntN(10)), Weight: 1,
			Dense: pixels[next%len(pixels)],
		}
		next++
		return ex
	}
	for range 4 * memory.Capacity / 100 {
		var list []*replay.Example
		for range 100 {
			ex := arrival()
			ex.Dense = slices.Clone(ex.Dense) // lies for itself, as what comes in does
			list = append(list, ex)
		}
		replay.Offer(a.memory, list, r)
	}
	batches := make([][]*replay.Example, 1000)
	for i := range batches {
		for range rows {
			batches[i] = append(batches[i], arrival())
		}
	}
	return a, asked, batches
}

// A timedJudge counts the processor time of a judge's answers.
type timedJudge struct {
	judge *judge
	b     testing.TB
	spent time.Duration
}

func (t *timedJudge) Judge(list []*replay.Example) replay.Opinions {
	from := cpu(t.b)
	defer func() { t.spent += cpu(t.b) - from }()
	return t.judge.Judge(list)
}

func (t *timedJudge) Ahead(list, fresh []*replay.Example) []float32 {
	from := cpu(t.b)
	defer func() { t.spent += cpu(t.b) - from }()
	return t.judge.Ahead(list, fresh)
}

// BenchmarkRehearsal is one step of rehearsal, and what of it is not the step's own
// arithmetic: drawing, laying out and unpacking the rehearsed rows, and offering the new
// ones. share is that part of the whole; 0.1 is the bound. What a kind asks the learner is
// the method's own arithmetic, and counted as method alone: opinions of the judge, and the
// losses that loss_aware is told. (What gss and herding then make of the opinions is in offer.)
func BenchmarkRehearsal(b *testing.B) {
	memories := []replay.Config{
		{Store: replay.Float32},
		{Store: replay.Uint8},
		{Kind: replay.ClassBalanced, Store: replay.Uint8, Logits: true, Retrieve: replay.Retrieve{Kind: replay.Balanced}},
		{Kind: replay.RingBuffer, Store: replay.Uint8},
		{Kind: replay.GDumb, Store: replay.Uint8},
		{Kind: replay.RecencyMixed, Store: replay.Uint8},
		{Kind: replay.LossAware, Store: replay.Uint8},
		{Kind: replay.GSS, Store: replay.Uint8},
		{Kind: replay.Herding, Store: replay.Uint8},
		{Store: replay.Uint8, Retrieve: replay.Retrieve{Kind: replay.Interfered}},
	}
	for _, net := range []struct {
		hidden []int
		rows   int
	}{{[]int{400, 400}, 10}, {[]int{100, 100}, 128}} {
		for _, memory := range memories {
			memory := memory.WithDefaults()
			memory.Capacity = 5000
			name := fmt.Sprintf("784-%d-%d-10/batch=%d+%d/%s-%s-%s", net.hidden[0], net.hidden[1], net.rows, net.rows,
				memory.Kind, memory.Store, memory.Retrieve.Kind)
			b.Run(name, func(b *testing.B) {
				a, asked, batches := rehearser(b, net.hidden, net.rows, memory)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var spent parts
				b.ReportAllocs()
				asked.spent = 0
				runtime.GC() // so that room is found as in a learner that has run for long
				step, from := 0, cpu(b)
				for b.Loop() {
					a.bareRehearsal(b, batches[step%len(batches)], uint64(step+1), &spent, &asked.spent)
					step++
				}
				whole := cpu(b) - from - spent.clock
				b.ReportMetric(float64(spent.draw+spent.gather+spent.offer)/float64(whole), "share")
				b.ReportMetric(float64(whole)/float64(step), "cpu-ns/op")
				b.ReportMetric(float64(spent.draw)/float64(step), "draw-ns/op")
				b.ReportMetric(float64(spent.gather)/float64(step), "gather-ns/op")
				b.ReportMetric(float64(spent.offer)/float64(step), "offer-ns/op")
				b.ReportMetric(float64(spent.method+asked.spent)/float64(step), "method-ns/op")
			})
		}
	}
}

// parts is the processor time of what surrounds a step, and of an empty stretch.
type parts struct{ draw, gather, offer, method, clock time.Duration }

// bareRehearsal is learn without its accounts. The rehearsed rows are laid out once for
// themselves; what that costs within the step, where they are in the cache, is left in it.
func (a *Arm) bareRehearsal(b testing.TB, fresh []*replay.Example, at uint64, spent *parts, asked *time.Duration) {
	t0 := cpu(b)
	t1 := cpu(b)
	before := *asked
	draw := rng.New(1, "draw", at)
	replay.Returned(a.memory)
	a.rehearsed[0] = a.choose.Retrieve(a.rehearsed[0][:0], len(fresh), fresh, draw)
	t2 := cpu(b)
	drawing := *asked - before
	portions := a.portions(fresh, a.rehearsed)
	a.compose(portions[1:])
	t3 := cpu(b)
	require.NoError(b, a.update(portions))
	t4 := cpu(b)
	keep := rng.New(1, "keep", at)
	a.observe(portions)
	t5 := cpu(b)
	before = *asked
	a.remember(fresh, true, at, keep)
	t6 := cpu(b)
	empty := t1 - t0
	spent.draw += t2 - t1 - empty - drawing
	spent.gather += t3 - t2 - empty
	spent.method += t5 - t4 - empty
	spent.offer += t6 - t5 - empty - (*asked - before)
	spent.clock += 7 * empty
}

// cpu is the time for which this thread has been on a processor: others may use the machine.
func cpu(b testing.TB) time.Duration {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&t)), 0)
	require.Zero(b, errno)
	return time.Duration(t.Nano())
}
