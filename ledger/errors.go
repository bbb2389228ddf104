package ledger

import (
	"errors"

	"github.com/perennial-ml/perennial/ledger/internal/commit"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
	"github.com/perennial-ml/perennial/ledger/internal/embedded"
)

// What Connect, Open and Check refuse.
var (
	// ErrLocked: another process holds the store folder of the embedded server.
	ErrLocked = embedded.ErrLocked
	// ErrAsyncPersistence: the stream acknowledges before it writes.
	ErrAsyncPersistence = errors.New("the log acknowledges records before they are on disk")
	// ErrIncompatible: a stream of that name exists and cannot serve as a log.
	ErrIncompatible = errors.New("the stream cannot serve as a log")
	// ErrRecreated: the stream is another one than the checkpoint was written from.
	ErrRecreated = cursor.ErrRecreated
	// ErrTruncated: the log ends before the checkpoint.
	ErrTruncated = errors.New("the log ends before the checkpoint")
	// ErrBeginsAfter: records after the checkpoint are gone that nobody erased one by one.
	ErrBeginsAfter = errors.New("the log begins after the checkpoint")
)

// What Append refuses.
var (
	// ErrBusy: QueueBytes are waiting for commit. Nothing of the call was stored; try
	// again later.
	ErrBusy = commit.ErrBusy
	// ErrStalled: the log did not answer within AppendTimeout. Whether the events are
	// stored is unknown; a retry with the same ids is safe.
	ErrStalled = commit.ErrStalled
	// ErrFull: the stream, account or disk has no room. Some of the call's events may be
	// stored; a retry with the same ids is safe.
	ErrFull = commit.ErrFull
	// ErrTooLarge: an event, or a whole call, is larger than the log takes.
	ErrTooLarge = commit.ErrTooLarge
	// ErrUnstorable: an event's attributes forbid storing it.
	ErrUnstorable = errors.New("the event cannot be stored")
)

// What readers meet.
var (
	// ErrReplaced: another Scan took over this one's consumer.
	ErrReplaced = cursor.ErrReplaced
	// ErrNoRecord: no record was ever stored at that position.
	ErrNoRecord = errors.New("no record was ever stored there")
	// ErrClosed: the Broker, Log or Scan was closed.
	ErrClosed = commit.ErrClosed
)
