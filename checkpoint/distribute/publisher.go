package distribute

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// A Publisher is the one writer of a model's channels, until a newer one claims
// the model.
type Publisher struct {
	model  string
	cfg    Config
	bucket string
	js     jetstream.JetStream
	kv     jetstream.KeyValue
	store  jetstream.ObjectStore
	stream jetstream.Stream // under store
	epoch  uint64

	mu       sync.Mutex
	fenced   bool
	channels map[string]*channelState
	recent   [][]Tensor        // of the last Keep publications, oldest first
	stored   map[string]string // digest -> object of this epoch
	holds    map[string]string // object of this epoch -> digest, "" while unknown
	objects  map[string]string // object of this epoch -> id of its chunks
	replaced []string          // ids of chunks that are to be removed
	uploads  int               // since the claim
	old      []string          // objects of earlier epochs
}

type channelState struct {
	pointer  *Pointer
	revision uint64
}

// NewPublisher claims the next epoch of a model, making its buckets if need be.
// From then on every earlier Publisher is fenced. Errors: ErrInvalid, ErrFenced
// if another one claims at the same time, NATS's.
func NewPublisher(ctx context.Context, js jetstream.JetStream, model string, cfg Config) (*Publisher, error) {
	p, err := newPublisher(ctx, js, model, cfg)
	if err != nil {
		return nil, fmt.Errorf("claim model %s: %w", model, err)
	}
	return p, nil
}

func newPublisher(ctx context.Context, js jetstream.JetStream, model string, cfg Config) (*Publisher, error) {
	bucket, err := Bucket(model)
	if err != nil {
		return nil, err
	}
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	storage := jetstream.FileStorage
	if cfg.Storage == "memory" {
		storage = jetstream.MemoryStorage
	}
	p := &Publisher{
		model: model, cfg: cfg, bucket: bucket, js: js,
		channels: map[string]*channelState{},
		stored:   map[string]string{},
		holds:    map[string]string{},
		objects:  map[string]string{},
	}
	p.kv, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucket, Description: "channels of model " + model, History: 1,
		Storage: jetstream.FileStorage, Replicas: cfg.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("key-value bucket %s: %w", bucket, err)
	}
	p.store, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: bucket, Description: "weights of model " + model,
		Storage: storage, Replicas: cfg.Replicas,
	})
	if err != nil {
		return nil, fmt.Errorf("object bucket %s: %w", bucket, err)
	}
	if p.stream, err = js.Stream(ctx, objectStream(bucket)); err != nil {
		return nil, fmt.Errorf("object bucket %s: %w", bucket, err)
	}
	if err := p.claim(ctx); err != nil {
		return nil, err
	}
	return p, p.takeOver(ctx)
}

// Epoch returns the epoch that this Publisher claimed, from 1.
func (p *Publisher) Epoch() uint64 { return p.epoch }

// Publish stores the chunks of weights that the last publications did not have,
// then points each channel at the version. The same call again is harmless.
// Errors: ErrFenced, ErrInvalid, NATS's; after another error than ErrFenced some
// of the channels may have moved, and the call can be repeated.
func (p *Publisher) Publish(ctx context.Context, v checkpoint.Version, spec []byte, weights *models.Frozen, channels ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.publish(ctx, v, spec, weights, channels); err != nil {
		p.fenced = p.fenced || errors.Is(err, ErrFenced)
		return fmt.Errorf("publish %s of model %s: %w", v, p.model, err)
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, v checkpoint.Version, spec []byte, weights *models.Frozen, channels []string) error {
	if p.fenced {
		return ErrFenced
	}
	for _, c := range channels {
		if _, err := channelKey(c); err != nil {
			return err
		}
	}
	// Cheap, and early; what holds is the compare-and-set in move.
	if last, _, err := p.lastEpoch(ctx); err != nil {
		return err
	} else if last != p.epoch {
		return fmt.Errorf("%w: epoch %d, ours is %d", ErrFenced, last, p.epoch)
	}
	tensors, digest, err := p.upload(ctx, weights)
	if err != nil {
		return err
	}
	for _, c := range channels {
		next := &Pointer{
			Format: format, Model: p.model, Channel: c, Version: v, Epoch: p.epoch,
			Spec: spec, Digest: digest, Tensors: tensors,
		}
		if err := p.move(ctx, c, next); err != nil {
			return err
		}
	}
	p.recent = append(p.recent, tensors)
	if n := len(p.recent) - p.cfg.Keep; n > 0 {
		p.recent = slices.Delete(p.recent, 0, n)
	}
	if err := p.discard(ctx); err != nil {
		return err
	}
	return p.sweep(ctx)
}

// move points a channel at next, or with nil renews what it points at under
// this epoch. It is repeated while only older epochs, or an own write whose
// answer was lost, stand in the way.
func (p *Publisher) move(ctx context.Context, channel string, next *Pointer) error {
	key, err := channelKey(channel)
	if err != nil {
		return err
	}
	for {
		state, known := p.channels[channel]
		if !known {
			if state, err = p.read(ctx, key); err != nil {
				return err
			}
		}
		if state.pointer != nil && state.pointer.Epoch > p.epoch {
			return fmt.Errorf("%w: channel %s is at epoch %d, ours is %d", ErrFenced, channel, state.pointer.Epoch, p.epoch)
		}
		want := next
		if want == nil && state.pointer != nil {
			renewed := *state.pointer
			renewed.Epoch, renewed.Format = p.epoch, format
			want = &renewed
		}
		if want == nil || same(state.pointer, want) {
			p.channels[channel] = state
			return nil
		}
		value, err := json.Marshal(want)
		if err != nil {
			return fmt.Errorf("%w: pointer: %w", ErrInvalid, err)
		}
		var revision uint64
		if state.revision == 0 {
			revision, err = p.kv.Create(ctx, key, value)
		} else {
			revision, err = p.kv.Update(ctx, key, value, state.revision)
		}
		if err == nil {
			p.channels[channel] = &channelState{want, revision}
			return nil
		}
		delete(p.channels, channel) // what is there now is not known
		if !lostRace(err) {
			return fmt.Errorf("channel %s: %w", channel, err)
		}
	}
}

// read returns what a channel points at; a zero state if nothing.
func (p *Publisher) read(ctx context.Context, key string) (*channelState, error) {
	e, err := p.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return &channelState{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pointer, err := parsePointer(e.Value())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &channelState{pointer, e.Revision()}, nil
}

func same(a, b *Pointer) bool {
	return a != nil && a.Version == b.Version && a.Epoch == b.Epoch && a.Digest == b.Digest &&
		slices.EqualFunc(a.Tensors, b.Tensors, func(x, y Tensor) bool {
			return slices.EqualFunc(x.list(), y.list(), func(c, d Chunk) bool { return c.Object == d.Object })
		})
}

// upload stores what is not stored, and describes all of weights.
func (p *Publisher) upload(ctx context.Context, weights *models.Frozen) ([]Tensor, string, error) {
	tensors := make([]Tensor, len(weights.Tensors()))
	// Chunks that this version already uses must not be overwritten by its others.
	live := p.live()
	for _, t := range weights.Tensors() {
		for _, c := range t.Chunks {
			live[p.stored[c.Digest()]] = true
		}
	}
	var sent []*upload
	sending := map[string]string{} // digest -> object, of this version
	slot := 0
	for i, t := range weights.Tensors() {
		chunks := make([]Chunk, len(t.Chunks))
		for j, c := range t.Chunks {
			digest := c.Digest()
			object, ok := p.stored[digest]
			if !ok {
				object, ok = sending[digest]
			}
			if !ok {
				object, slot = p.free(live, slot)
				up, err := p.send(c, object)
				if err != nil {
					return nil, "", fmt.Errorf("tensor %s: %w", t.Name, err)
				}
				sent = append(sent, up)
				sending[digest], live[object] = object, true
			}
			chunks[j] = Chunk{Digest: digest, Object: object}
		}
		tensors[i] = Tensor{Name: t.Name, Shape: t.Shape, Digest: safetensors.TensorDigest(t), Size: int64(t.Size) * 4}
		if len(chunks) == 1 {
			tensors[i].Object = chunks[0].Object
		} else {
			tensors[i].Rows, tensors[i].Chunks = t.Rows, chunks
		}
	}
	for _, up := range sent {
		if err := up.wait(ctx); err != nil {
			return nil, "", err
		}
		p.holds[up.object], p.stored[up.digest] = up.digest, up.object
	}
	return tensors, safetensors.FrozenDigest(weights), nil
}

// free returns the first object from a slot on that is not live, with its slot, and forgets
// what it holds.
func (p *Publisher) free(live map[string]bool, slot int) (string, int) {
	for live[p.objectName(slot)] {
		slot++
	}
	object := p.objectName(slot)
	delete(p.stored, p.holds[object])
	p.holds[object] = ""
	return object, slot
}

func (p *Publisher) objectName(slot int) string {
	return "e" + strconv.FormatUint(p.epoch, 10) + "." + strconv.Itoa(slot)
}

// live is the set of objects that a channel or a recent publication names.
func (p *Publisher) live() map[string]bool {
	live := map[string]bool{}
	mark := func(tensors []Tensor) {
		for _, t := range tensors {
			for _, c := range t.list() {
				live[c.Object] = true
			}
		}
	}
	for _, c := range p.channels {
		if c.pointer != nil {
			mark(c.pointer.Tensors)
		}
	}
	for _, tensors := range p.recent {
		mark(tensors)
	}
	return live
}

// sweep removes objects of earlier epochs that no channel names any more, with
// the markers that an Object Store leaves in their place.
func (p *Publisher) sweep(ctx context.Context) error {
	if len(p.old) == 0 {
		return nil
	}
	live := p.live()
	var kept []string
	for i, name := range p.old {
		if live[name] {
			kept = append(kept, name)
			continue
		}
		err := p.store.Delete(ctx, name)
		if err == nil || errors.Is(err, jetstream.ErrObjectNotFound) {
			err = p.stream.Purge(ctx, jetstream.WithPurgeSubject(p.description(name)))
		}
		if err != nil {
			p.old = append(kept, p.old[i:]...)
			return fmt.Errorf("remove object %s: %w", name, err)
		}
	}
	p.old = kept
	return nil
}
