package distribute_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
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
	"github.com/perennial-ml/perennial/internal/leak"
	"github.com/perennial-ml/perennial/models"
)

func TestMain(m *testing.M) { leak.Check(m) }

// connect starts a server in this process, without a socket.
func connect(t testing.TB) jetstream.JetStream {
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: t.TempDir(), DontListen: true, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	srv.Start()
	require.True(t, srv.ReadyForConnections(time.Minute))
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

func publisher(t testing.TB, js jetstream.JetStream) *distribute.Publisher {
	p, err := distribute.NewPublisher(t.Context(), js, "churn", distribute.Config{Keep: 2})
	require.NoError(t, err)
	return p
}

func fetcher(t testing.TB, js jetstream.JetStream) *distribute.Fetcher {
	f, err := distribute.NewFetcher(t.Context(), js, "churn")
	require.NoError(t, err)
	return f
}

// weights have one tensor that changes with the version, one that does not, and one of
// five chunks of which one does.
func weights(v checkpoint.Version) *models.Frozen {
	r := rand.New(rand.NewPCG(uint64(v), 0))
	moving := make([]float32, 100_000) // several messages
	for i := range moving {
		moving[i] = r.Float32()
	}
	table := models.NewParam("table", 1<<14+1, 16)
	for i := range table.Data {
		table.Data[i] = float32(i)
	}
	table.Data[5000*16] = float32(v)
	return models.Params{
		{Name: "moving", Shape: []int{100, 1000}, Data: moving},
		{Name: "frozen", Shape: []int{3}, Data: []float32{1, 2, 3}},
		table,
	}.Freeze()
}

var spec = []byte(`{"kind":"linear"}`)

func publish(t testing.TB, p *distribute.Publisher, v checkpoint.Version, channels ...string) {
	require.NoError(t, p.Publish(t.Context(), v, spec, weights(v), channels...))
}

func fetch(t testing.TB, f *distribute.Fetcher, channel string, have *models.Frozen) (*distribute.Pointer, *distribute.Fetched) {
	p, err := f.Pointer(t.Context(), channel)
	require.NoError(t, err)
	w, err := f.Fetch(t.Context(), p, have)
	require.NoError(t, err)
	return p, w
}

func TestOnlyChangedTensorsTravel(t *testing.T) {
	js := connect(t)
	p := publisher(t, js)
	publish(t, p, 100, "candidate", "stable")
	f := fetcher(t, js)
	pointer, first := fetch(t, f, "stable", nil)
	require.Equal(t, checkpoint.Version(100), pointer.Version)
	require.JSONEq(t, string(spec), string(pointer.Spec))
	require.True(t, weights(100).Equal(first.Weights))
	require.Equal(t, 7, first.Chunks)

	publish(t, p, 200, "candidate")
	next, second := fetch(t, f, "candidate", first.Weights)
	require.True(t, weights(200).Equal(second.Weights))
	require.Equal(t, 2, second.Chunks, "frozen did not change, and of the table one chunk")
	require.EqualValues(t, 400_000+4096*16*4, second.Bytes)
	require.Same(t, first.Weights.Tensors()[1].Chunks[0], second.Weights.Tensors()[1].Chunks[0])
	require.Equal(t, pointer.Tensors[1].Object, next.Tensors[1].Object, "and was not uploaded again")
	for i, c := range pointer.Tensors[2].Chunks {
		require.Equal(t, i != 1, c.Object == next.Tensors[2].Chunks[i].Object)
		require.Equal(t, i != 1, first.Weights.Tensors()[2].Chunks[i] == second.Weights.Tensors()[2].Chunks[i])
	}
}

func TestPublishingAgainIsHarmless(t *testing.T) {
	js := connect(t)
	p := publisher(t, js)
	publish(t, p, 100, "stable")
	kv, err := js.KeyValue(t.Context(), "perennial_churn")
	require.NoError(t, err)
	before, err := kv.Get(t.Context(), "channel.stable")
	require.NoError(t, err)
	publish(t, p, 100, "stable")
	after, err := kv.Get(t.Context(), "channel.stable")
	require.NoError(t, err)
	require.Equal(t, before.Revision(), after.Revision())
}

func TestAReplacedPublisherCannotOverwriteItsSuccessor(t *testing.T) {
	js := connect(t)
	old := publisher(t, js)
	publish(t, old, 100, "stable", "candidate")
	successor := publisher(t, js)
	require.Greater(t, successor.Epoch(), old.Epoch())

	err := old.Publish(t.Context(), 200, spec, weights(200), "stable")
	require.ErrorIs(t, err, distribute.ErrFenced, "before the successor has published anything")
	publish(t, successor, 150, "stable")
	require.ErrorIs(t, old.Publish(t.Context(), 200, spec, weights(200), "stable"), distribute.ErrFenced, "and for good")

	f := fetcher(t, js)
	pointer, w := fetch(t, f, "stable", nil)
	require.Equal(t, checkpoint.Version(150), pointer.Version)
	require.True(t, weights(150).Equal(w.Weights))
	pointer, w = fetch(t, f, "candidate", nil)
	require.Equal(t, checkpoint.Version(100), pointer.Version, "what the old one published stays")
	require.Equal(t, successor.Epoch(), pointer.Epoch)
	require.True(t, weights(100).Equal(w.Weights))
}

// The successor claims between the old publisher's look at the epoch and its
// move: the compare-and-set has to hold by itself.
func TestTheFenceHoldsInTheMiddleOfAPublication(t *testing.T) {
	js := connect(t)
	publish(t, publisher(t, js), 100, "stable")
	var once sync.Once
	paused := &pausing{JetStream: js, at: func() { once.Do(func() { publish(t, publisher(t, js), 150, "stable") }) }}
	late, err := distribute.NewPublisher(t.Context(), paused, "churn", distribute.Config{})
	require.NoError(t, err)
	paused.armed.Store(true)
	err = late.Publish(t.Context(), 300, spec, weights(300), "stable")
	require.ErrorIs(t, err, distribute.ErrFenced)
	pointer, w := fetch(t, fetcher(t, js), "stable", nil)
	require.Equal(t, checkpoint.Version(150), pointer.Version)
	require.True(t, weights(150).Equal(w.Weights))
}

// pausing calls at before each message of an object.
type pausing struct {
	jetstream.JetStream
	at    func()
	armed atomic.Bool
}

func (p *pausing) PublishMsgAsync(m *nats.Msg, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	if p.armed.Load() {
		p.at()
	}
	return p.JetStream.PublishMsgAsync(m, opts...)
}

func TestRacingClaimsGetDifferentEpochs(t *testing.T) {
	js := connect(t)
	publisher(t, js)
	epochs := make(chan uint64, 8)
	var claims sync.WaitGroup
	for range cap(epochs) {
		claims.Go(func() {
			p, err := distribute.NewPublisher(t.Context(), js, "churn", distribute.Config{})
			if err != nil {
				t.Errorf("claim: %v", err)
				return
			}
			epochs <- p.Epoch()
		})
	}
	claims.Wait()
	close(epochs)
	seen := map[uint64]bool{}
	for e := range epochs {
		require.False(t, seen[e], "epoch %d twice", e)
		seen[e] = true
	}
}

func TestOldObjectsGoAndNamedOnesStay(t *testing.T) {
	js := connect(t)
	p := publisher(t, js)
	publish(t, p, 1, "stable")
	for v := checkpoint.Version(2); v < 30; v++ {
		publish(t, p, v, "candidate")
	}
	store, err := js.ObjectStore(t.Context(), "perennial_churn")
	require.NoError(t, err)
	objects, err := store.List(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, len(objects), 5+2*(1+2+1), "what never changes; and twice stable, two recent, one being written")
	f := fetcher(t, js)
	_, w := fetch(t, f, "stable", nil)
	require.True(t, weights(1).Equal(w.Weights), "however old")

	// A new epoch clears up after the one before, markers included, once nothing
	// names its objects.
	p = publisher(t, js)
	publish(t, p, 30, "candidate", "stable")
	objects, err = store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, objects, 7)
	stream, err := js.Stream(t.Context(), "OBJ_perennial_churn")
	require.NoError(t, err)
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("$O.perennial_churn.M.>"))
	require.NoError(t, err)
	require.Len(t, info.State.Subjects, 7)
}

func TestFetchRefusesOtherBytes(t *testing.T) {
	js := connect(t)
	p := publisher(t, js)
	publish(t, p, 100, "stable")
	f := fetcher(t, js)
	pointer, err := f.Pointer(t.Context(), "stable")
	require.NoError(t, err)
	store, err := js.ObjectStore(t.Context(), "perennial_churn")
	require.NoError(t, err)
	object := pointer.Tensors[1].Object
	for name, content := range map[string][]byte{
		"other bytes": make([]byte, 12),
		"too long":    make([]byte, 1<<20),
		"too short":   make([]byte, 8),
	} {
		_, err = store.PutBytes(t.Context(), object, content)
		require.NoError(t, err)
		_, err = f.Fetch(t.Context(), pointer, nil)
		require.ErrorIs(t, err, distribute.ErrStale, name)
	}
	require.NoError(t, store.Delete(t.Context(), object))
	_, err = f.Fetch(t.Context(), pointer, nil)
	require.ErrorIs(t, err, distribute.ErrStale, "gone")
}

func TestPointersAreBounded(t *testing.T) {
	js := connect(t)
	publish(t, publisher(t, js), 100, "stable")
	f := fetcher(t, js)
	kv, err := js.KeyValue(t.Context(), "perennial_churn")
	require.NoError(t, err)
	good, err := f.Pointer(t.Context(), "stable")
	require.NoError(t, err)
	for _, tc := range []struct {
		name   string
		change func(*distribute.Pointer)
		want   error
	}{
		{"format from the future", func(p *distribute.Pointer) { p.Format = 3 }, distribute.ErrFormat},
		{"negative dimension", func(p *distribute.Pointer) { p.Tensors[0].Shape = []int{-1, -4} }, distribute.ErrInvalid},
		{"overflowing shape", func(p *distribute.Pointer) { p.Tensors[0].Shape = []int{1 << 40, 1 << 40} }, distribute.ErrInvalid},
		{"size against shape", func(p *distribute.Pointer) { p.Tensors[0].Size++ }, distribute.ErrInvalid},
		{"object name", func(p *distribute.Pointer) { p.Tensors[0].Object = "../x" }, distribute.ErrInvalid},
		{"a chunk's object name", func(p *distribute.Pointer) { p.Tensors[2].Chunks[1].Object = "../x" }, distribute.ErrInvalid},
		{"a chunk too few", func(p *distribute.Pointer) { p.Tensors[2].Chunks = p.Tensors[2].Chunks[1:] }, distribute.ErrInvalid},
		{"no rows to a chunk", func(p *distribute.Pointer) { p.Tensors[2].Rows = 0 }, distribute.ErrInvalid},
		{"an object and chunks", func(p *distribute.Pointer) { p.Tensors[2].Object = "e1.0" }, distribute.ErrInvalid},
		{"rows beyond the tensor", func(p *distribute.Pointer) { p.Tensors[2].Rows = 1 << 20 }, distribute.ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bad := *good
			bad.Tensors = append([]distribute.Tensor(nil), good.Tensors...)
			bad.Tensors[2].Chunks = append([]distribute.Chunk(nil), good.Tensors[2].Chunks...)
			tc.change(&bad)
			raw, err := json.Marshal(bad)
			require.NoError(t, err)
			_, err = kv.Put(t.Context(), "channel.stable", raw)
			require.NoError(t, err)
			_, err = f.Pointer(t.Context(), "stable")
			require.ErrorIs(t, err, tc.want)
		})
	}
	_, err = kv.Put(t.Context(), "channel.stable", []byte("{"))
	require.NoError(t, err)
	_, err = f.Pointer(t.Context(), "stable")
	require.ErrorIs(t, err, distribute.ErrInvalid)
}

func TestWatchTellsEachMove(t *testing.T) {
	js := connect(t)
	p := publisher(t, js)
	publish(t, p, 100, "stable")
	f := fetcher(t, js)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []checkpoint.Version
	err := f.Watch(ctx, "stable", func(pointer *distribute.Pointer, err error) {
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		seen = append(seen, pointer.Version)
		if pointer.Version == 100 {
			publish(t, p, 200, "candidate")
			publish(t, p, 300, "stable")
			return
		}
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []checkpoint.Version{100, 300}, seen)
}

func TestNamesAndSettingsAreChecked(t *testing.T) {
	js := connect(t)
	_, err := distribute.NewFetcher(t.Context(), js, "churn")
	require.ErrorIs(t, err, distribute.ErrNotFound)
	_, err = distribute.NewPublisher(t.Context(), js, "a.b", distribute.Config{})
	require.ErrorIs(t, err, distribute.ErrInvalid)
	p := publisher(t, js)
	require.ErrorIs(t, p.Publish(t.Context(), 1, spec, weights(1), "a.b"), distribute.ErrInvalid)
	_, err = fetcher(t, js).Pointer(t.Context(), "stable")
	require.ErrorIs(t, err, distribute.ErrNotFound)
	for field, cfg := range map[string]distribute.Config{
		"storage":  {Storage: "tape"},
		"replicas": {Replicas: 6},
		"keep":     {Keep: -1},
	} {
		err := cfg.WithDefaults().Validate()
		require.ErrorIs(t, err, distribute.ErrInvalid)
		require.ErrorContains(t, err, field+": must")
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	srv, err := server.NewServer(&server.Options{JetStream: true, StoreDir: dir, DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Timeout(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	ctx := context.Background()

	learner, err := distribute.NewPublisher(ctx, js, "churn", distribute.Config{Storage: "memory"})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := models.Params{{Name: "w", Shape: []int{2}, Data: []float32{0.5, -1}}}.Freeze()
	fmt.Println("published:", learner.Publish(ctx, 1200, []byte(`{"kind":"linear"}`), w, "candidate"))

	server, _ := distribute.NewFetcher(ctx, js, "churn")
	pointer, _ := server.Pointer(ctx, "candidate")
	got, _ := server.Fetch(ctx, pointer, nil)
	fmt.Println(pointer.Version, got.Weights.Params())
	// Output:
	// published: <nil>
	// v1200 [{w [2] [0.5 -1]}]
}

// Whoever stops while it fetches must not leave goroutines behind, nor the bytes that they
// hold: TestMain looks for those that are left.
func TestAFetchThatIsCutOffLeavesNothingBehind(t *testing.T) {
	js := connect(t)
	publish(t, publisher(t, js), 100, "stable")
	var asked atomic.Int64
	var cancelAt int64
	var cancel context.CancelFunc
	f, err := distribute.NewFetcher(t.Context(), asking{js, func() {
		if asked.Add(1) == cancelAt {
			cancel()
		}
	}}, "churn")
	require.NoError(t, err)
	pointer, err := f.Pointer(t.Context(), "stable")
	require.NoError(t, err)
	for cancelAt = 1; ; cancelAt++ {
		var ctx context.Context
		ctx, cancel = context.WithCancel(t.Context())
		asked.Store(0)
		_, err := f.Fetch(ctx, pointer, nil)
		cancel()
		if err == nil {
			break // it asked for fewer messages
		}
		require.ErrorIs(t, err, context.Canceled)
	}
	require.Greater(t, cancelAt, int64(7), "chunks of more than one message")
}

// asking calls at before each message that is asked of a stream.
type asking struct {
	jetstream.JetStream
	at func()
}

func (a asking) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := a.JetStream.Stream(ctx, name)
	return askedStream{s, a.at}, err
}

type askedStream struct {
	jetstream.Stream
	at func()
}

func (s askedStream) GetMsg(ctx context.Context, seq uint64, opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	s.at()
	return s.Stream.GetMsg(ctx, seq, opts...)
}

// An object whose bytes are gone, say for a newer version's, is no reason to wait.
func TestAFetchOfBytesThatAreGoneIsStale(t *testing.T) {
	js := connect(t)
	publish(t, publisher(t, js), 100, "stable")
	f := fetcher(t, js)
	pointer, err := f.Pointer(t.Context(), "stable")
	require.NoError(t, err)
	objects, err := js.Stream(t.Context(), "OBJ_perennial_churn")
	require.NoError(t, err)
	info, err := objects.Info(t.Context(), jetstream.WithSubjectFilter("$O.perennial_churn.C.>"))
	require.NoError(t, err)
	for chunks, messages := range info.State.Subjects {
		if messages > 1 { // of one object all but the last
			require.NoError(t, objects.Purge(t.Context(), jetstream.WithPurgeSubject(chunks), jetstream.WithPurgeKeep(1)))
			break
		}
	}
	_, err = f.Fetch(t.Context(), pointer, nil)
	require.ErrorIs(t, err, distribute.ErrStale)
	require.NoError(t, objects.Purge(t.Context(), jetstream.WithPurgeSubject("$O.perennial_churn.C.>")))
	_, err = f.Fetch(t.Context(), pointer, nil)
	require.ErrorIs(t, err, distribute.ErrStale)
}
