package demo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// freeze takes a copy of the weights that will not learn any further.
func (s *show) freeze(ctx context.Context) error {
	version, err := s.durable(ctx, 0)
	if err != nil {
		return err
	}
	if s.copy, err = takeFrozen(s.opt.Folder, version); err != nil {
		return err
	}
	s.sum.frozenAt = len(s.learner.hits)
	s.live.say("Half-hour %d: a copy of version %d is frozen, to see what learning on is worth.", len(s.learner.hits), version)
	return nil
}

// durable waits for a durable version after a position and returns it.
func (s *show) durable(ctx context.Context, after uint64) (uint64, error) {
	for range 1000 {
		list, err := s.client.versions(ctx)
		if err != nil {
			return 0, err
		}
		if len(list) > 0 && list[0].Version > after {
			return list[0].Version, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return 0, errors.New("no durable version was written within 10 s")
}

// killAndCompare ends the learner with SIGKILL in the middle of its work, computes the
// state from the newest version and from the log's start, and starts it again.
func (s *show) killAndCompare(ctx context.Context) error {
	// An outcome is on its way when the signal comes.
	inFlight := make(chan error, 1)
	from, to := s.told, min(s.told+step, len(s.learner.hits)-day)
	go func() {
		_, err := (&client{base: s.client.base}).label(ctx, s.stream, from, to, false)
		inFlight <- err
	}()
	if err := s.proc.kill(); err != nil {
		return err
	}
	<-inFlight // sent again after the restart, with the same ids
	s.live.say("Half-hour %d: the learner is killed with SIGKILL, in the middle of a request.", len(s.learner.hits))

	recovered, err := s.proc.hash(ctx, false)
	if err != nil {
		return err
	}
	whole, err := s.proc.hash(ctx, true)
	if err != nil {
		return err
	}
	s.sum.recovered, s.sum.whole = recovered, whole
	if recovered.Hash != whole.Hash || recovered.Learned != whole.Learned {
		return fmt.Errorf("the recovered state %s differs from an uninterrupted run's, %s", recovered.Hash, whole.Hash)
	}
	s.live.say("  from version %d and the log after it: state %s", recovered.From, short(recovered.Hash))
	s.live.say("  from the empty state and the whole log: state %s, equal: nothing lost, nothing learned twice.", short(whole.Hash))
	if s.sum.restart, err = s.proc.start(ctx); err != nil {
		return err
	}
	s.live.say("  it is back, and serving, in %s.", round(s.sum.restart))
	return nil
}

// poison flips labels for a while, looks at the harm, and rolls back.
func (s *show) poison(ctx context.Context) error {
	at := len(s.learner.hits)
	good, err := s.durable(ctx, 0)
	if err != nil {
		return err
	}
	s.sum.poisonFrom = at
	s.live.say("Half-hour %d: for %d days every label arrives flipped. Version %d is the last good one.", at, poisoned/day, good)
	if err := s.stretch(ctx, at+poisoned, true); err != nil {
		return err
	}
	s.sum.poisonTo = len(s.learner.hits)
	before := s.learner.over(at-poisoned, at)
	during := s.learner.over(s.sum.poisonTo-week, s.sum.poisonTo)
	s.live.say("  accuracy falls from %.3f to %.3f in the last week of it.", before, during)
	position, err := s.client.rollback(ctx, good)
	if err != nil {
		return err
	}
	if err := s.applied(ctx, position); err != nil {
		return err
	}
	s.live.say("  learner checkpoint rollback v%d --learner: weights, optimizer and memory are back (record %d).", good, position)
	if err := s.stretch(ctx, s.sum.poisonTo+2*week, false); err != nil {
		return err
	}
	s.sum.before, s.sum.during = before, during
	s.sum.after = s.learner.over(s.sum.poisonTo, s.sum.poisonTo+2*week)
	s.live.say("  and accuracy, over the fortnight after: %.3f.", s.sum.after)
	return nil
}

// finish sends the last outcomes that are due, stops the learner cleanly, and proves
// its state once more.
func (s *show) finish(ctx context.Context) error {
	st, err := s.client.status(ctx)
	if err != nil {
		return err
	}
	s.sum.counters = st.Learner.Counters
	if err := s.look(ctx, st.Learner.Position); err != nil {
		return err
	}
	if s.sum.stop, err = s.proc.stop(); err != nil {
		return err
	}
	s.live.say("The stream is at its end; the learner stopped cleanly in %s.", round(s.sum.stop))
	return nil
}
