package distribute

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// A Fetcher reads what a model's Publisher publishes.
type Fetcher struct {
	bucket  string
	kv      jetstream.KeyValue
	objects jetstream.ObjectStore
	stream  jetstream.Stream // under objects
}

// NewFetcher opens a model's buckets. ErrNotFound if it was never published.
func NewFetcher(ctx context.Context, js jetstream.JetStream, model string) (*Fetcher, error) {
	bucket, err := Bucket(model)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{bucket: bucket}
	if f.kv, err = js.KeyValue(ctx, bucket); err == nil {
		f.objects, err = js.ObjectStore(ctx, bucket)
	}
	if err == nil {
		f.stream, err = js.Stream(ctx, objectStream(bucket))
	}
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("model %s: %w: no bucket %s", model, ErrNotFound, bucket)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", model, err)
	}
	return f, nil
}

// Pointer returns what a channel names now, or ErrNotFound.
func (f *Fetcher) Pointer(ctx context.Context, channel string) (*Pointer, error) {
	key, err := channelKey(channel)
	if err != nil {
		return nil, err
	}
	e, err := f.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, fmt.Errorf("channel %s: %w", channel, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("channel %s: %w", channel, err)
	}
	return parsePointer(e.Value())
}

// Watch calls changed with what a channel names, now and at every move, from
// this goroutine. A pointer that cannot be read is passed as an error. It returns
// when ctx ends, or when the watch breaks.
func (f *Fetcher) Watch(ctx context.Context, channel string, changed func(*Pointer, error)) error {
	key, err := channelKey(channel)
	if err != nil {
		return err
	}
	w, err := f.kv.Watch(ctx, key, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("watch channel %s: %w", channel, err)
	}
	defer func() {
		// The watch ends with the connection at the latest.
		_ = w.Stop()
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return fmt.Errorf("watch channel %s: the connection ended", channel)
			}
			if e == nil {
				continue // the marker after the first values
			}
			changed(parsePointer(e.Value()))
		}
	}
}

// Fetched is what Fetch returns: the weights, and how much of them it had to transfer.
type Fetched struct {
	Weights *models.Frozen
	Chunks  int
	Bytes   int64
}

// inFlight is how many chunks a Fetch reads at a time.
const inFlight = 8

// Fetch returns the weights that a pointer names. Chunks whose digest is among have's are
// shared with it, not fetched. have may be nil. ErrStale if an object is gone or holds
// other bytes by now.
func (f *Fetcher) Fetch(ctx context.Context, p *Pointer, have *models.Frozen) (*Fetched, error) {
	known := map[string]*models.Chunk{}
	if have != nil {
		for _, t := range have.Tensors() {
			for _, c := range t.Chunks {
				known[c.Digest()] = c
			}
		}
	}
	// A chunk that fails keeps others from starting. It does not interrupt those under way.
	going, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		w       = &Fetched{}
		reading sync.WaitGroup
		slots   = make(chan struct{}, inFlight)
		tensors = make([]models.FrozenTensor, len(p.Tensors))
	)
	for i := range p.Tensors {
		t := &p.Tensors[i]
		list := t.list()
		tensors[i] = models.FrozenTensor{Name: t.Name, Shape: t.Shape, Chunking: t.chunking(), Chunks: make([]*models.Chunk, len(list))}
		for j, c := range list {
			from, to := tensors[i].Span(j)
			if have, ok := known[c.Digest]; ok && len(have.Values()) == to-from {
				tensors[i].Chunks[j] = have
				continue
			}
			w.Chunks++
			w.Bytes += 4 * int64(to-from)
			slots <- struct{}{}
			reading.Go(func() {
				defer func() { <-slots }()
				if going.Err() != nil {
					return
				}
				chunk, err := f.chunk(ctx, c, 4*int64(to-from))
				if err != nil {
					cancel(fmt.Errorf("tensor %s: %w", t.Name, err))
					return
				}
				tensors[i].Chunks[j] = chunk
			})
		}
	}
	reading.Wait()
	if err := context.Cause(going); err != nil {
		return nil, fmt.Errorf("fetch %s: %w", p.Version, err)
	}
	var err error
	if w.Weights, err = models.NewFrozen(tensors); err != nil {
		return nil, fmt.Errorf("fetch %s: %w: %w", p.Version, ErrInvalid, err)
	}
	if got := safetensors.FrozenDigest(w.Weights); got != p.Digest {
		return nil, fmt.Errorf("fetch %s: %w: weights have %s, the pointer says %s", p.Version, ErrInvalid, got, p.Digest)
	}
	return w, nil
}

// chunk reads one object, never more of it than was announced.
func (f *Fetcher) chunk(ctx context.Context, c Chunk, size int64) (*models.Chunk, error) {
	data, err := f.read(ctx, c.Object, size)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", c.Object, err)
	}
	chunk, err := safetensors.DecodeChunk(data)
	if err != nil || int64(len(data)) != size {
		return nil, fmt.Errorf("%w: object %s: %d bytes, announced were %d", ErrStale, c.Object, len(data), size)
	}
	if got := chunk.Digest(); got != c.Digest {
		return nil, fmt.Errorf("%w: object %s has %s, announced was %s", ErrStale, c.Object, got, c.Digest)
	}
	return chunk, nil
}

// firstRoom is what is set aside for an object before any of its bytes is there.
const firstRoom = 1 << 20

// read returns what an object holds. It asks for one message after the other: the client's
// own reader has a consumer deliver them, never ends where they are gone, and leaves
// goroutines behind where it is cut off.
func (f *Fetcher) read(ctx context.Context, object string, size int64) ([]byte, error) {
	info, err := f.objects.GetInfo(ctx, object)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: it is gone", ErrStale)
	}
	if err != nil {
		return nil, err
	}
	if info.Size != uint64(size) {
		return nil, fmt.Errorf("%w: it has %d bytes, announced were %d", ErrStale, info.Size, size)
	}
	data := make([]byte, 0, min(size, firstRoom))
	for last := uint64(0); int64(len(data)) < size; {
		m, err := f.stream.GetMsg(ctx, last+1, jetstream.WithGetMsgSubject(chunksSubject(f.bucket, info.NUID)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, fmt.Errorf("%w: %d of its %d bytes are there", ErrStale, len(data), size)
		}
		if err != nil {
			return nil, err
		}
		data, last = append(data, m.Data...), m.Sequence
	}
	return data, nil
}
