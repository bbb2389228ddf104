package hotload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/checkpoint/distribute"
	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

func TestMain(m *testing.M) { leak.Check(m) }

// patience is how long a test waits for what must come, on a machine that has other work.
const patience = time.Minute

var spec = []byte(`{"kind":"linear"}`)

func weights(v checkpoint.Version) *models.Frozen {
	r := rand.New(rand.NewPCG(uint64(v), 0))
	table := models.NewParam("table", 1<<14+1, 16) // five chunks, of which one moves
	for i := range table.Data {
		table.Data[i] = float32(i)
	}
	table.Data[5000*16] = float32(v)
	return models.Params{
		{Name: "moving", Shape: []int{2}, Data: []float32{r.Float32(), float32(v)}},
		{Name: "frozen", Shape: []int{1}, Data: []float32{7}},
		table,
	}.Freeze()
}

// shared lists the chunks of a tensor that two versions share.
func shared(a, b *hotload.Loaded, tensor int) (chunks []int) {
	for i, c := range a.Weights.Tensors()[tensor].Chunks {
		if c == b.Weights.Tensors()[tensor].Chunks[i] {
			chunks = append(chunks, i)
		}
	}
	return chunks
}

// run runs a handle until the test ends.
func run(t testing.TB, source hotload.Source, opts ...hotload.Option) *hotload.Handle {
	h := hotload.New(source, opts...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return h
}

func wait(t testing.TB, h *hotload.Handle, v checkpoint.Version) *hotload.Loaded {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	loaded, err := h.Wait(ctx, v)
	require.NoError(t, err)
	return loaded
}

// A channel is a way to publish, and a source that follows it.
type channel struct {
	name    string
	publish func(v checkpoint.Version)
	source  hotload.Source
}

func channels(t *testing.T) []channel {
	memory := &hotload.Memory{}

	dir := filepath.Join(t.TempDir(), "store")
	store, err := checkpoint.Open(dir, checkpoint.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })

	js := connect(t)
	p, err := distribute.NewPublisher(t.Context(), js, "churn", distribute.Config{})
	require.NoError(t, err)
	return []channel{
		{"memory", func(v checkpoint.Version) { memory.Offer(v, spec, weights(v)) }, memory},
		{"folder", func(v checkpoint.Version) {
			save(t, store, v)
			require.NoError(t, store.SetChannel("stable", v))
		}, hotload.NewFolder(dir, "stable", time.Millisecond, checkpoint.Config{})},
		{"nats", func(v checkpoint.Version) {
			require.NoError(t, p.Publish(t.Context(), v, spec, weights(v), "stable"))
		}, hotload.NewNATS(js, "churn", "stable")},
	}
}

func save(t testing.TB, s *checkpoint.Store, v checkpoint.Version) {
	_, err := s.Write(context.Background(), checkpoint.Manifest{Version: v, Model: "churn", Spec: spec},
		checkpoint.Weights(weights(v)))
	require.NoError(t, err)
}

func connect(t testing.TB) jetstream.JetStream {
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	srv.Start()
	require.True(t, srv.ReadyForConnections(patience))
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Timeout(time.Minute))
	require.NoError(t, err)
	t.Cleanup(func() {
		nc.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

func TestEverySourceFollowsItsChannel(t *testing.T) {
	for _, c := range channels(t) {
		t.Run(c.name, func(t *testing.T) {
			var swaps atomic.Int64
			h := run(t, c.source, hotload.OnSwap(func(old, loaded *hotload.Loaded) { swaps.Add(1) }))
			require.Nil(t, h.Current(), "nothing before the first version")
			for _, v := range []checkpoint.Version{100, 200, 300} {
				c.publish(v)
				loaded := wait(t, h, v)
				require.Equal(t, v, loaded.Version)
				require.True(t, weights(v).Equal(loaded.Weights))
				require.JSONEq(t, string(spec), string(loaded.Spec))
				if loaded.Digest != "" {
					require.Equal(t, safetensors.FrozenDigest(weights(v)), loaded.Digest)
				}
			}
			c.publish(200)
			require.Eventually(t, func() bool { return h.Current().Version == 200 }, patience, time.Millisecond, "a rollback is a move like others")
			require.Eventually(t, func() bool { return swaps.Load() == 4 }, patience, time.Millisecond)
		})
	}
}

func TestAFolderWithoutAChannelFollowsTheNewest(t *testing.T) {
	dir := t.TempDir()
	h := run(t, hotload.NewFolder(filepath.Join(dir, "store"), "", time.Millisecond, checkpoint.Config{}))
	store, err := checkpoint.Open(filepath.Join(dir, "store"), checkpoint.Config{})
	require.NoError(t, err)
	defer store.Close()
	save(t, store, 100)
	wait(t, h, 100)
	first := h.Current()
	save(t, store, 200)
	require.True(t, weights(200).Equal(wait(t, h, 200).Weights))
	require.Equal(t, []int{0, 2, 3, 4}, shared(first, h.Current(), 2), "what did not change was read again")
}

func TestNATSSharesWhatDidNotChange(t *testing.T) {
	js := connect(t)
	p, err := distribute.NewPublisher(t.Context(), js, "churn", distribute.Config{})
	require.NoError(t, err)
	h := run(t, hotload.NewNATS(js, "churn", "stable"))
	require.NoError(t, p.Publish(t.Context(), 100, spec, weights(100), "stable"))
	first := wait(t, h, 100)
	require.NoError(t, p.Publish(t.Context(), 200, spec, weights(200), "stable"))
	second := wait(t, h, 200)
	require.Equal(t, []int{0}, shared(first, second, 1), "frozen was not fetched again")
	require.Equal(t, []int{0, 2, 3, 4}, shared(first, second, 2), "of the table one chunk was")

	// A successor takes over the channel: same version, new epoch, same memory.
	_, err = distribute.NewPublisher(t.Context(), js, "churn", distribute.Config{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return h.Current().Epoch == 2 }, patience, time.Millisecond)
	require.Same(t, second.Weights, h.Current().Weights)
}

// A damaged update keeps the version in use, is told, and a good one heals.
func TestADamagedVersionIsNotSwappedIn(t *testing.T) {
	dir := t.TempDir()
	store, err := checkpoint.Open(dir, checkpoint.Config{})
	require.NoError(t, err)
	defer store.Close()
	save(t, store, 100)
	require.NoError(t, store.SetChannel("stable", 100))
	failures := make(chan error, 1)
	h := run(t, hotload.NewFolder(dir, "stable", time.Millisecond, checkpoint.Config{}), hotload.OnError(func(err error) {
		select {
		case failures <- err:
		default:
		}
	}))
	wait(t, h, 100)

	m, err := store.Write(t.Context(), checkpoint.Manifest{Version: 200, Model: "churn"}, checkpoint.Weights(weights(200)))
	require.NoError(t, err)
	file := filepath.Join(dir, "blobs/sha256", m.Blobs[0].Stored[len("sha256:"):])
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	raw[len(raw)/2] ^= 1
	require.NoError(t, os.WriteFile(file, raw, 0o644))
	require.NoError(t, store.SetChannel("stable", 200))
	require.ErrorIs(t, <-failures, checkpoint.ErrCorrupt)
	require.Equal(t, checkpoint.Version(100), h.Current().Version)

	save(t, store, 300)
	require.NoError(t, store.SetChannel("stable", 300))
	require.True(t, weights(300).Equal(wait(t, h, 300).Weights))
}

// A scripted source announces and fetches as a test says.
type scripted struct {
	announcements chan hotload.Announcement
	fetch         func(hotload.Announcement) (*hotload.Loaded, error)
	watches       atomic.Int64
	broken        error
}

func (s *scripted) Watch(ctx context.Context, announce func(hotload.Announcement)) error {
	if s.watches.Add(1) == 1 && s.broken != nil {
		return s.broken
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-s.announcements:
			announce(a)
		}
	}
}

func (s *scripted) Fetch(_ context.Context, a hotload.Announcement, _ *hotload.Loaded) (*hotload.Loaded, error) {
	return s.fetch(a)
}

func plain(a hotload.Announcement) (*hotload.Loaded, error) {
	return &hotload.Loaded{Version: a.Version, Digest: a.Digest, Epoch: a.Epoch}, nil
}

func TestWhatIsRefusedKeepsTheVersionInUse(t *testing.T) {
	unusable := errors.New("does not predict")
	for _, tc := range []struct {
		name  string
		bad   hotload.Announcement
		fetch func(hotload.Announcement) (*hotload.Loaded, error)
		want  error
	}{
		{"another digest", hotload.Announcement{Version: 2, Digest: "b", Epoch: 5}, func(a hotload.Announcement) (*hotload.Loaded, error) {
			return &hotload.Loaded{Version: 2, Digest: "c"}, nil
		}, hotload.ErrDigest},
		{"another version", hotload.Announcement{Version: 2, Epoch: 5}, func(a hotload.Announcement) (*hotload.Loaded, error) {
			return &hotload.Loaded{Version: 3}, nil
		}, hotload.ErrDigest},
		{"an older epoch", hotload.Announcement{Version: 2, Epoch: 4}, plain, hotload.ErrEpoch},
		{"a failed fetch", hotload.Announcement{Version: 2, Epoch: 5}, func(hotload.Announcement) (*hotload.Loaded, error) { return nil, os.ErrPermission }, os.ErrPermission},
		{"a failed check", hotload.Announcement{Version: 666, Epoch: 5}, plain, unusable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			failures := make(chan error, 100)
			s := &scripted{announcements: make(chan hotload.Announcement), fetch: func(a hotload.Announcement) (*hotload.Loaded, error) {
				if a.Version == tc.bad.Version {
					return tc.fetch(a)
				}
				return plain(a)
			}}
			h := run(t, s,
				hotload.OnError(func(err error) { failures <- err }),
				hotload.WithCheck(func(l *hotload.Loaded) error {
					if l.Version == 666 {
						return unusable
					}
					return nil
				}))
			s.announcements <- hotload.Announcement{Version: 1, Epoch: 5}
			wait(t, h, 1)
			s.announcements <- tc.bad
			require.ErrorIs(t, <-failures, tc.want)
			require.Equal(t, checkpoint.Version(1), h.Current().Version)
			require.ErrorIs(t, <-failures, tc.want, "and is tried again")
			s.announcements <- hotload.Announcement{Version: 1000, Epoch: 5}
			wait(t, h, 1000)
		})
	}
}

func TestABrokenWatchIsStartedAgain(t *testing.T) {
	var log bytes.Buffer
	s := &scripted{announcements: make(chan hotload.Announcement), fetch: plain, broken: os.ErrClosed}
	h := run(t, s, hotload.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	s.announcements <- hotload.Announcement{Version: 1}
	wait(t, h, 1)
	require.Contains(t, log.String(), os.ErrClosed.Error())
	require.EqualValues(t, 2, s.watches.Load())
}

// While a fetch is slow, only the newest of what was announced is fetched next.
func TestTheNewestIsNeverPassedOver(t *testing.T) {
	var fetched []checkpoint.Version
	begun, release := make(chan struct{}), make(chan struct{})
	s := &scripted{announcements: make(chan hotload.Announcement), fetch: func(a hotload.Announcement) (*hotload.Loaded, error) {
		fetched = append(fetched, a.Version)
		if a.Version == 1 {
			close(begun)
			<-release
		}
		return plain(a)
	}}
	h := run(t, s)
	s.announcements <- hotload.Announcement{Version: 1}
	<-begun
	for v := checkpoint.Version(2); v <= 50; v++ {
		s.announcements <- hotload.Announcement{Version: v}
	}
	close(release)
	wait(t, h, 50)
	require.LessOrEqual(t, len(fetched), 3, "the last was perhaps taken and not yet announced")
	require.Equal(t, checkpoint.Version(50), fetched[len(fetched)-1])
}

func TestRunIsForOneCaller(t *testing.T) {
	m := &hotload.Memory{}
	h := run(t, m)
	m.Offer(1, spec, weights(1))
	wait(t, h, 1)
	require.ErrorIs(t, h.Run(context.Background()), hotload.ErrRunning)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := h.Wait(ctx, 2)
	require.ErrorIs(t, err, context.Canceled)
}

func BenchmarkCurrent(b *testing.B) {
	m := &hotload.Memory{}
	m.Offer(1, spec, weights(1))
	h := run(b, m)
	wait(b, h, 1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if h.Current().Version != 1 {
				b.Error("not the version in use")
			}
		}
	})
}

// A program that serves a model while a learner in the same process improves it.
func ExampleHandle() {
	var learner hotload.Memory
	stable := hotload.New(&learner)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- stable.Run(ctx) }()

	learner.Offer(1200, []byte(`{"kind":"linear"}`), models.Params{{Name: "w", Shape: []int{1}, Data: []float32{0.5}}}.Freeze())
	if _, err := stable.Wait(ctx, 1200); err != nil {
		fmt.Println(err)
	}
	model := stable.Current() // one version from here to the end of the request
	fmt.Println(model.Version, string(model.Spec), model.Weights.Params())

	stop()
	fmt.Println(<-done)
	// Output:
	// v1200 {"kind":"linear"} [{w [1] [0.5]}]
	// context canceled
}
