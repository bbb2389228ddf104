package commit

import "errors"

var (
	// ErrBusy: Config.QueueBytes are waiting for commit. Nothing of the call was stored.
	ErrBusy = errors.New("the log's queue is full")
	// ErrStalled: the broker did not answer within Config.Timeout. What was stored is
	// unknown; a retry with the same ids is safe.
	ErrStalled = errors.New("the log does not answer")
	// ErrFull: the stream, account or disk has no room. Some of the call's messages may be
	// stored; a retry with the same ids is safe.
	ErrFull = errors.New("the log is full")
	// ErrTooLarge: a message, or a whole call, is larger than the log takes.
	ErrTooLarge = errors.New("too large for the log")
	// ErrClosed: the Committer was closed.
	ErrClosed = errors.New("the log is closed")
)
