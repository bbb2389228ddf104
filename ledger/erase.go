package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/perennial-ml/perennial/ledger/internal/commit"
)

// Places for crash tests, beside those of a commit.
const (
	failBeforeErase  = "ledger.erase.before"  // nothing is done yet
	failMarkedErase  = "ledger.erase.marked"  // the tombstone is written, the record is there
	failAfterErase   = "ledger.erase.after"   // the record is gone
	failBeforeLetter = "ledger.letter.before" // the dead letter is not written yet
	failAfterLetter  = "ledger.letter.after"  // it is
)

// Failpoints lists the places of the log at which a crash test may break it.
func Failpoints() []string {
	return append(commit.Failpoints(),
		failBeforeErase, failMarkedErase, failAfterErase,
		failBeforeLetter, failAfterLetter,
	)
}

// Erase removes the record at p for good, and its dead letter: their bytes on disk are
// overwritten. A tombstone that says no more than the position is kept, so that Check can
// tell an erased head of the log from a lost one. Erasing what is erased already does
// nothing. It returns ErrNoRecord for a position at which nothing was ever stored.
//
// The broker forgets an erased record's id when it restarts. A producer that sends the
// event again is then met by the learner's state alone.
func (l *Log) Erase(ctx context.Context, p Position) error {
	if err := l.erase(ctx, p); err != nil {
		return fmt.Errorf("erase record %d of log %s: %w", p, l.id.Name, err)
	}
	return nil
}

func (l *Log) erase(ctx context.Context, p Position) error {
	if err := l.cfg.Failpoints.Hit(failBeforeErase); err != nil {
		return err
	}
	s, err := l.js.Stream(ctx, l.id.Name)
	if err != nil {
		return err
	}
	if state := stateOf(s.CachedInfo()); p == 0 || p > state.Last {
		return fmt.Errorf("%w: the last is %d", ErrNoRecord, state.Last)
	}
	if err := l.publishOnce(ctx, &nats.Msg{Subject: tombstoneSubject(l.model, p)}); err != nil {
		return fmt.Errorf("write tombstone: %w", err)
	}
	if err := l.cfg.Failpoints.Hit(failMarkedErase); err != nil {
		return err
	}
	if err := secureDelete(ctx, s, uint64(p)); err != nil {
		return err
	}
	dead, err := l.js.Stream(ctx, DeadStreamName(l.model))
	if err != nil {
		return err
	}
	letter, err := dead.GetLastMsgForSubject(ctx, letterSubject(l.model, p))
	if err == nil {
		err = secureDelete(ctx, dead, letter.Sequence)
	}
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("its dead letter: %w", err)
	}
	return l.cfg.Failpoints.Hit(failAfterErase)
}

// secureDelete deletes a message, or sees that it is gone already. The broker has several
// answers for that, so it is asked for the message itself.
func secureDelete(ctx context.Context, s jetstream.Stream, seq uint64) error {
	err := s.SecureDeleteMsg(ctx, seq)
	if !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		return err
	}
	if _, getErr := s.GetMsg(ctx, seq); errors.Is(getErr, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// publishOnce stores m unless there is a message on its subject already.
func (l *Log) publishOnce(ctx context.Context, m *nats.Msg) error {
	_, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(0))
	var api *jetstream.APIError
	if !errors.As(err, &api) || api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence &&
		api.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequenceConstant {
		return err
	}
	// There is one, or one is just being stored: it counts once it can be read.
	dead, err := l.js.Stream(ctx, DeadStreamName(l.model))
	if err != nil {
		return err
	}
	_, err = dead.GetLastMsgForSubject(ctx, m.Subject)
	return err
}
