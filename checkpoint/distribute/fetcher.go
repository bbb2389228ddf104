package distribute

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// A tensor that was overwritten while it is read never ends, so a fetch gives up
// after minFetch and a second more for each slowest bytes.
const (
	minFetch = 5 * time.Second
	slowest  = 1 << 20
)

// A Fetcher reads what a model's Publisher publishes.
type Fetcher struct {
	kv      jetstream.KeyValue
	objects jetstream.ObjectStore
}

// NewFetcher opens a model's buckets. ErrNotFound if it was never published.
func NewFetcher(ctx context.Context, js jetstream.JetStream, model string) (*Fetcher, error) {
	bucket, err := Bucket(model)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{}
	if f.kv, err = js.KeyValue(ctx, bucket); err == nil {
		f.objects, err = js.ObjectStore(ctx, bucket)
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

// Weights are parameters with the digest of each tensor, in the same order.
type Weights struct {
	Params  models.Params
	Digests []string
	// Fetched and Bytes count what Fetch had to transfer.
	Fetched int
	Bytes   int64
}

// Fetch returns the weights that a pointer names. Tensors whose digest is among
// have's are shared with it, not fetched; neither may be changed afterwards. have
// may be nil. ErrStale if an object is gone or holds other bytes by now.
func (f *Fetcher) Fetch(ctx context.Context, p *Pointer, have *Weights) (*Weights, error) {
	known := map[string]int{}
	if have != nil {
		for i, d := range have.Digests {
			known[d] = i
		}
	}
	w := &Weights{Params: make(models.Params, len(p.Tensors)), Digests: make([]string, len(p.Tensors))}
	for i, t := range p.Tensors {
		w.Digests[i] = t.Digest
		if j, ok := known[t.Digest]; ok && int64(len(have.Params[j].Data))*4 == t.Size {
			w.Params[i] = models.Param{Name: t.Name, Shape: t.Shape, Data: have.Params[j].Data}
			continue
		}
		param, err := f.tensor(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("fetch %s: tensor %s: %w", p.Version, t.Name, err)
		}
		w.Params[i] = param
		w.Fetched++
		w.Bytes += t.Size
	}
	if got := safetensors.ParamsDigest(w.Params, w.Digests); got != p.Digest {
		return nil, fmt.Errorf("fetch %s: %w: weights have %s, the pointer says %s", p.Version, ErrInvalid, got, p.Digest)
	}
	return w, nil
}

// tensor reads one object, never more of it than was announced.
func (f *Fetcher) tensor(ctx context.Context, t Tensor) (models.Param, error) {
	ctx, cancel := context.WithTimeout(ctx, minFetch+time.Duration(t.Size/slowest)*time.Second)
	defer cancel()
	r, err := f.objects.Get(ctx, t.Object)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return models.Param{}, fmt.Errorf("%w: object %s is gone", ErrStale, t.Object)
	}
	if err != nil {
		return models.Param{}, err
	}
	defer r.Close()
	info, err := r.Info()
	if err != nil {
		return models.Param{}, err
	}
	if info.Size != uint64(t.Size) {
		return models.Param{}, fmt.Errorf("%w: object %s has %d bytes, announced were %d", ErrStale, t.Object, info.Size, t.Size)
	}
	data, err := io.ReadAll(io.LimitReader(r, t.Size+1))
	if err != nil {
		return models.Param{}, fmt.Errorf("object %s: %w", t.Object, err)
	}
	param, err := safetensors.DecodeData(t.Name, t.Shape, data)
	if err != nil {
		return models.Param{}, fmt.Errorf("%w: object %s: %w", ErrStale, t.Object, err)
	}
	if got := safetensors.DataDigest(param); got != t.Digest {
		return models.Param{}, fmt.Errorf("%w: object %s has %s, announced was %s", ErrStale, t.Object, got, t.Digest)
	}
	return param, nil
}
