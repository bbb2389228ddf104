package hotload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

// errForeign is a programmer's mistake: an announcement of another source.
var errForeign = errors.New("hotload: announcement of another source")

// Folder is a Source over a checkpoint store on disk, beside the process that
// writes it. It reads the index again at a fixed pace.
type Folder struct {
	dir     string
	channel string
	every   time.Duration
	cfg     checkpoint.Config
	opts    []checkpoint.Option
}

var _ Source = (*Folder)(nil)

// NewFolder follows a channel of the store in dir, or its newest version if
// channel is empty, looking each time that every passes.
func NewFolder(dir, channel string, every time.Duration, cfg checkpoint.Config, opts ...checkpoint.Option) *Folder {
	return &Folder{dir: dir, channel: channel, every: every, cfg: cfg, opts: opts}
}

// Watch implements Source. A store or channel that is not there yet is waited for.
func (f *Folder) Watch(ctx context.Context, announce func(Announcement)) error {
	if f.every <= 0 {
		return fmt.Errorf("%w: folder %s: poll interval must be positive, is %s", checkpoint.ErrInvalid, f.dir, f.every)
	}
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	var store *checkpoint.Store
	var last *found
	for {
		if store == nil {
			s, err := checkpoint.OpenReader(f.dir, f.cfg, f.opts...)
			if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
				return err
			}
			if err == nil {
				store = s
			}
		}
		if store != nil {
			now, err := f.look(store)
			if err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
				return err
			}
			if err == nil && (last == nil || *last != *now) {
				last = now
				announce(Announcement{Version: now.version, Detail: now})
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// found is what the channel names, with the digest of its weights: a version
// that was written again with another state is another one.
type found struct {
	store   *checkpoint.Store
	version checkpoint.Version
	weights string
}

func (f *Folder) look(s *checkpoint.Store) (*found, error) {
	var v checkpoint.Version
	if f.channel != "" {
		named, err := s.Channel(f.channel)
		if err != nil {
			return nil, err
		}
		v = named
	} else {
		list, err := s.Versions()
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, checkpoint.ErrNotFound
		}
		v = list[0].Version
	}
	saved, err := s.Get(v)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	m := saved.Manifest()
	digest, ok := m.WeightsDigest()
	if !ok {
		return nil, fmt.Errorf("checkpoint %s has no weights: %w", v, checkpoint.ErrCorrupt)
	}
	return &found{s, v, digest}, nil
}

// Fetch implements Source.
func (f *Folder) Fetch(_ context.Context, a Announcement, have *Loaded) (*Loaded, error) {
	at, ok := a.Detail.(*found)
	if !ok {
		return nil, errForeign
	}
	saved, err := at.store.Get(at.version)
	if err != nil {
		return nil, err
	}
	defer saved.Close()
	m := saved.Manifest()
	if digest, _ := m.WeightsDigest(); digest != at.weights {
		return nil, fmt.Errorf("%w: checkpoint %s was replaced meanwhile", ErrDigest, at.version)
	}
	var known *models.Frozen
	if have != nil {
		known = have.Weights
	}
	weights, err := saved.Weights(known)
	if err != nil {
		return nil, err
	}
	return &Loaded{Version: m.Version, Spec: m.Spec, Weights: weights, Digest: safetensors.FrozenDigest(weights)}, nil
}
