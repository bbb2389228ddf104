package distribute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// claim takes the next epoch. Racing claims get different ones.
func (p *Publisher) claim(ctx context.Context) error {
	for {
		last, revision, err := p.lastEpoch(ctx)
		if err != nil {
			return err
		}
		p.epoch = last + 1
		value := []byte(strconv.FormatUint(p.epoch, 10))
		if revision == 0 {
			_, err = p.kv.Create(ctx, epochKey, value)
		} else {
			_, err = p.kv.Update(ctx, epochKey, value, revision)
		}
		if !lostRace(err) {
			return err
		}
	}
}

// lastEpoch returns the newest epoch and its revision, zeros if there is none.
func (p *Publisher) lastEpoch(ctx context.Context) (epoch, revision uint64, err error) {
	e, err := p.kv.Get(ctx, epochKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read epoch: %w", err)
	}
	if epoch, err = strconv.ParseUint(string(e.Value()), 10, 64); err != nil {
		return 0, 0, fmt.Errorf("%w: epoch: %w", ErrInvalid, err)
	}
	return epoch, e.Revision(), nil
}

// lostRace says that a compare-and-set found another revision. Replicated
// buckets answer with a code of their own.
func lostRace(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
			api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// takeOver rewrites every pointer under the new epoch, which invalidates the
// revisions that earlier publishers hold, and lists their objects.
func (p *Publisher) takeOver(ctx context.Context) error {
	keys, err := p.kv.Keys(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		return fmt.Errorf("list channels: %w", err)
	}
	for _, key := range keys {
		channel, ok := strings.CutPrefix(key, channelPrefix)
		if !ok {
			continue
		}
		if err := p.move(ctx, channel, nil); err != nil {
			return err
		}
	}
	infos, err := p.store.List(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
		return fmt.Errorf("list objects: %w", err)
	}
	own := p.objectName(0)
	own = own[:strings.Index(own, ".")+1]
	for _, info := range infos {
		if !strings.HasPrefix(info.Name, own) {
			p.old = append(p.old, info.Name)
		}
	}
	return nil
}
