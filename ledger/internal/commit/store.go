package commit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nuid"

	"github.com/perennial-ml/perennial/ledger/internal/ask"
)

// The headers of an atomic batch publish.
const (
	headerBatchID  = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// store brings every item of f.todo to a receipt, or returns an error that concerns them
// all. A batch that was sent is answered first.
func (c *Committer) store(ctx context.Context, f *flight) error {
	for attempt := 0; len(f.todo) > 0; attempt++ {
		if f.batch == "" {
			if few := len(f.todo) <= c.few; few || attempt >= maxBatchAttempts {
				n := 1
				if few {
					n = len(f.todo)
				}
				if err := c.storeSingly(ctx, f, n); err != nil {
					return err
				}
				continue
			}
			if err := c.sendBatch(f); err != nil {
				return err
			}
		}
		ack, err := c.await(ctx, f.reply, f.deadline)
		sent := f.batch
		f.batch, f.reply = "", ""
		var refused *refusedError
		switch {
		case err == nil && (ack.Batch != sent || ack.Count != len(f.todo)):
			return fmt.Errorf("acknowledged batch %q of %d, sent %q of %d", ack.Batch, ack.Count, sent, len(f.todo))
		case err == nil:
			for k, i := range f.todo {
				f.receipts[i].Sequence = ack.Seq - uint64(len(f.todo)-1-k)
			}
			f.todo = nil
		case !errors.As(err, &refused):
			return err
		case refused.Code == codeDuplicate:
			// Nothing was stored. Learn which ids are known, and leave them out.
			if err := c.leaveOutDuplicates(ctx, f); err != nil {
				return err
			}
		case refused.isFull():
			return fmt.Errorf("%w: %w", ErrFull, err)
		case refused.isAway():
			// Nothing was stored, and no message is to blame.
			attempt--
			if !time.Now().Before(f.deadline) {
				return fmt.Errorf("%w: %w", ErrStalled, err)
			}
			if !ask.Sleep(ctx, ask.Pause) {
				return ErrClosed
			}
		default:
			// Nothing was stored: once more, and if it goes on, one by one, so that
			// a single message cannot sink the others.
			if refused.Code == codeIncomplete {
				c.stageOnDisk()
			}
			if !ask.Sleep(ctx, time.Duration(attempt+1)*5*time.Millisecond) {
				return ErrClosed
			}
		}
	}
	return nil
}

// maxBatchAttempts is how often a batch is tried before its messages go one by one.
const maxBatchAttempts = 3

// stageOnDisk gives up the staging in memory, where it has failed: it may have run out of
// room, or someone may have removed it.
func (c *Committer) stageOnDisk() {
	if c.few != fewStaged {
		return
	}
	c.log.Warn("batches are staged on disk from now on, which is slower")
	if err := c.cfg.Embedded.Unstage(c.cfg.Stream); err != nil {
		c.log.Warn("the staging in memory cannot be given up", "error", err)
	}
	c.few = fewOnDisk
}

// sendBatch sends the items of f.todo, to be stored all or none, in that order.
func (c *Committer) sendBatch(f *flight) error {
	batch, commit := []string{nuid.Next()}, []string{"1"}
	for k, i := range f.todo {
		m := f.unique[i].msg
		m.Header[headerBatchID] = batch
		m.Header[headerBatchSeq] = c.batchSeq(k)
		delete(m.Header, headerCommit)
		m.Reply = ""
		if k == len(f.todo)-1 {
			m.Header[headerCommit] = commit
			m.Reply = c.nextReply()
			f.reply = m.Reply
		}
		if err := c.nc.PublishMsg(m); err != nil {
			return c.unsent(err)
		}
	}
	f.batch = batch[0]
	return nil
}

// batchSeq returns the header value of the k-th message of a batch. The values are shared
// and never written.
func (c *Committer) batchSeq(k int) []string {
	for n := len(c.seqs); n <= k; n++ {
		c.seqs = append(c.seqs, []string{strconv.Itoa(n + 1)})
	}
	return c.seqs[k]
}

// storeSingly stores the first n items of f.todo each by itself, without waiting between
// them. Those that should be tried again stay in f.todo.
func (c *Committer) storeSingly(ctx context.Context, f *flight, n int) error {
	replies := make([]string, n)
	for k, i := range f.todo[:n] {
		m := f.unique[i].msg
		delete(m.Header, headerBatchID)
		delete(m.Header, headerBatchSeq)
		delete(m.Header, headerCommit)
		m.Reply = c.nextReply()
		replies[k] = m.Reply
		if err := c.nc.PublishMsg(m); err != nil {
			return c.unsent(err)
		}
	}
	var left []int
	for k, i := range f.todo[:n] {
		ack, err := c.await(ctx, replies[k], f.deadline)
		rec, id := &f.receipts[i], f.unique[i].id()
		var refused *refusedError
		switch {
		case err == nil:
			*rec = Receipt{Sequence: ack.Seq, Duplicate: ack.Duplicate}
		case !errors.As(err, &refused):
			return err
		case refused.isPassing() && time.Now().Before(f.deadline):
			left = append(left, i)
		case refused.isPassing():
			rec.Err = fmt.Errorf("%w: %w", ErrStalled, err)
		case refused.isFull():
			rec.Err = fmt.Errorf("%w: %w", ErrFull, err)
		case refused.Code == codeTooBig:
			rec.Err = fmt.Errorf("id %q: %w: %w", id, ErrTooLarge, err)
		default:
			rec.Err = fmt.Errorf("id %q: %w", id, err)
		}
	}
	f.todo = append(left, f.todo[n:]...)
	if len(left) > 0 && !ask.Sleep(ctx, ask.Pause) {
		return ErrClosed
	}
	return nil
}

func (c *Committer) nextReply() string {
	c.seq++
	return c.inbox + "." + strconv.FormatUint(c.seq, 10)
}

// unsent wraps the error of a publish that failed on our side. The connection is down,
// or the message can never be sent; either way nothing of the batch will be stored, as
// its commit was not sent.
func (c *Committer) unsent(err error) error {
	return fmt.Errorf("send to the log: %w: %w", ErrStalled, err)
}
