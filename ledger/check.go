package ledger

import (
	"context"
	"fmt"
)

// Check says whether a reader whose checkpoint was written from log id at position p may
// go on with this log at p+1. It asks the broker anew. It returns
//
//   - ErrAsyncPersistence or ErrIncompatible if the stream's settings were changed so that
//     it can no longer serve;
//   - ErrRecreated if the stream is not the one of id: its positions mean other records;
//   - ErrTruncated if the log ends before p: the checkpoint knows records that are lost;
//   - ErrBeginsAfter if the log begins after p+1 and not every record between was erased
//     by Erase.
//
// A log that begins late may have lost its head to a purge or to an age limit, which
// loses what the reader has not seen, or to Erase, which is meant. The broker keeps no
// record of which; the tombstones that Erase writes do. A record that was deleted by
// other means has none: in the middle of the log it is a gap like any other, at the head
// it is taken for lost.
func (l *Log) Check(ctx context.Context, id ID, p Position) error {
	info, err := l.info(ctx)
	if err != nil {
		return err
	}
	if err := checkLogStream(info.Config, eventSubjects(l.model)); err != nil {
		return err
	}
	if id.Name != info.Config.Name || !id.Created.Equal(info.Created) {
		return fmt.Errorf("the checkpoint was written from log %s of %v, and this is %s of %v: %w; "+
			"restore that log's folder, or begin with an empty checkpoint folder to learn this log from its start",
			id.Name, id.Created.UTC(), info.Config.Name, info.Created.UTC(), ErrRecreated)
	}
	state := stateOf(info)
	if state.Last < p {
		return fmt.Errorf("log %s ends at %d and the checkpoint stands at %d: %w; "+
			"restore the log from a copy that reaches %d, or roll back to a checkpoint at %d or before",
			id.Name, state.Last, p, ErrTruncated, p, state.Last)
	}
	if state.First <= p+1 {
		return nil
	}
	missing := uint64(state.First - p - 1)
	erased, err := l.erasedBetween(ctx, p+1, state.First-1)
	if err != nil {
		return fmt.Errorf("look for tombstones of log %s: %w", id.Name, err)
	}
	if erased == missing {
		return nil
	}
	return fmt.Errorf("log %s begins at %d and the checkpoint stands at %d; of the %d records between, %d were erased "+
		"and the others were purged or expired: %w; restore the log from a copy, or begin from a checkpoint at %d or after",
		id.Name, state.First, p, missing, erased, ErrBeginsAfter, state.First-1)
}

// erasedBetween counts the tombstones of positions from from to to. There is one at most
// for each.
func (l *Log) erasedBetween(ctx context.Context, from, to Position) (uint64, error) {
	var n uint64
	err := l.visitDead(ctx, "erased", func(raw Raw) error {
		p, err := positionIn(raw.Subject)
		if err != nil {
			return err
		}
		if p >= from && p <= to {
			n++
		}
		return nil
	})
	return n, err
}
