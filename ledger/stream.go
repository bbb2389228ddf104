package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// streamConfig is how Open creates a model's log. Direct gets are not allowed: a replica
// that lags would answer them, and an erasure must not miss what is there.
func (b *Broker) streamConfig(model string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               StreamName(model),
		Description:        "Perennial: the log of model " + model,
		Subjects:           eventSubjects(model),
		Storage:            jetstream.FileStorage,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxMsgs:            -1,
		MaxBytes:           orUnlimited(b.cfg.MaxBytes),
		MaxMsgsPerSubject:  -1,
		MaxMsgSize:         -1,
		MaxConsumers:       -1,
		Replicas:           b.cfg.Replicas,
		Duplicates:         b.cfg.DuplicateWindow,
		AllowAtomicPublish: true,
		Metadata:           map[string]string{"perennial.model": model, "perennial.format": "1"},
	}
}

// deadConfig is how Open creates the stream of dead letters and tombstones. One message
// a subject: a second dead letter of one position is refused by the broker.
func (b *Broker) deadConfig(model string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              DeadStreamName(model),
		Description:       "Perennial: dead letters of model " + model,
		Subjects:          []string{subjectPrefix + model + ".dead.*", subjectPrefix + model + ".erased.*"},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgsPerSubject: -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Replicas:          b.cfg.Replicas,
		Metadata:          map[string]string{"perennial.model": model, "perennial.format": "1"},
	}
}

func orUnlimited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

// ensureStreams creates what is missing and refuses what cannot serve. It returns the
// log's info.
func (b *Broker) ensureStreams(ctx context.Context, model string) (*jetstream.StreamInfo, error) {
	info, err := b.ensure(ctx, b.streamConfig(model))
	if err != nil {
		return nil, err
	}
	if err := checkLogStream(info.Config, eventSubjects(model)); err != nil {
		return nil, err
	}
	if info, err = b.adjust(ctx, info, b.streamConfig(model)); err != nil {
		return nil, err
	}
	dead, err := b.ensure(ctx, b.deadConfig(model))
	if err != nil {
		return nil, err
	}
	if err := checkDurable(dead.Config); err != nil {
		return nil, err
	}
	return info, nil
}

// codeNoReplicas is the broker's error code for replicas without a cluster.
const codeNoReplicas jetstream.ErrorCode = 10074

// ensure returns the stream's info, creating it first if there is none. Whatever a question
// that was lost has done is found by the next.
func (b *Broker) ensure(ctx context.Context, want jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	return ask.Insist(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return b.ensureOnce(ctx, want) })
}

func (b *Broker) ensureOnce(ctx context.Context, want jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	for {
		s, err := b.js.Stream(ctx, want.Name)
		if err == nil {
			return s.CachedInfo(), nil
		}
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return nil, fmt.Errorf("look for stream %s: %w", want.Name, err)
		}
		s, err = b.js.CreateStream(ctx, want)
		if err == nil {
			return s.CachedInfo(), nil
		}
		if api := (*jetstream.APIError)(nil); errors.As(err, &api) && api.ErrorCode == codeNoReplicas {
			return nil, fmt.Errorf("create stream %s with %d replicas: %w; the server stands alone: set log.replicas to 1", want.Name, want.Replicas, err)
		}
		// Someone else may have created it in between.
		if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil, fmt.Errorf("create stream %s: %w", want.Name, err)
		}
	}
}

// adjust brings the configurable settings of an embedded stream up to date. An external
// stream belongs to its operators: a difference is said and left.
func (b *Broker) adjust(ctx context.Context, info *jetstream.StreamInfo, want jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	have := info.Config
	if have.MaxBytes == want.MaxBytes && have.Duplicates == want.Duplicates && have.Replicas == want.Replicas {
		return info, nil
	}
	if b.emb == nil {
		b.log.Warn("the stream's settings differ from the configuration and stay as they are",
			"stream", have.Name, "max_bytes", have.MaxBytes, "duplicate_window", have.Duplicates, "replicas", have.Replicas)
		return info, nil
	}
	have.MaxBytes, have.Duplicates = want.MaxBytes, want.Duplicates
	s, err := b.js.UpdateStream(ctx, have)
	if err != nil {
		return nil, fmt.Errorf("update limits of stream %s: %w", have.Name, err)
	}
	return s.CachedInfo(), nil
}

// checkDurable refuses a stream whose acknowledgements do not mean that data is kept.
func checkDurable(have jetstream.StreamConfig) error {
	if have.PersistMode == jetstream.AsyncPersistMode {
		return fmt.Errorf("stream %s has persist_mode async, which also overrides sync_always: %w; "+
			"the mode cannot be changed in place: copy its records to a stream with the default mode, or remove it",
			have.Name, ErrAsyncPersistence)
	}
	if have.Storage != jetstream.FileStorage {
		return fmt.Errorf("stream %s: %w: storage must be file", have.Name, ErrIncompatible)
	}
	return nil
}

// checkLogStream refuses a stream that could lose, drop, rewrite or hide records, with
// every rule that it breaks.
func checkLogStream(have jetstream.StreamConfig, subjects []string) error {
	if err := checkDurable(have); err != nil {
		return err
	}
	var broken []error
	rule := func(ok bool, text string) {
		if !ok {
			broken = append(broken, errors.New(text))
		}
	}
	covers := map[string]bool{}
	for _, s := range have.Subjects {
		covers[s] = true
	}
	for _, s := range subjects {
		rule(covers[s], "subjects must contain "+s)
	}
	rule(len(have.Subjects) == len(subjects), "subjects must contain nothing else")
	rule(have.Retention == jetstream.LimitsPolicy, "retention must be limits")
	rule(have.Discard == jetstream.DiscardNew, "discard must be new")
	rule(have.MaxMsgsPerSubject <= 0, "max_msgs_per_subject must be unset")
	rule(have.AllowAtomicPublish, "allow_atomic must be set")
	rule(!have.NoAck, "no_ack must be unset")
	rule(!have.Sealed, "sealed must be unset")
	rule(!have.DenyDelete, "deny_delete must be unset, or records cannot be erased")
	rule(!have.AllowRollup, "allow_rollup_hdrs must be unset: one message could remove all others")
	rule(!have.AllowMsgTTL, "allow_msg_ttl must be unset: a producer could make its records vanish")
	rule(!have.AllowMsgCounter, "allow_msg_counter must be unset")
	rule(!have.AllowMsgSchedules, "allow_msg_schedules must be unset")
	rule(have.Mirror == nil && len(have.Sources) == 0, "mirror and sources must be unset")
	rule(have.SubjectTransform == nil, "subject_transform must be unset")
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("stream %s: %w; update it (nats stream edit), or remove it and let it be created: %w",
		have.Name, ErrIncompatible, errors.Join(broken...))
}
