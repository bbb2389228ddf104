package checkpoint

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/perennial-ml/perennial/internal/durable"
)

var (
	// ErrNone says that the store holds no version at all.
	ErrNone = errors.New("checkpoint: no version yet")
	// ErrNotFound says that a version, channel, tag or blob is not in the store.
	ErrNotFound = errors.New("checkpoint: not found")
	// ErrCorrupt says that bytes on disk are not those that were written.
	ErrCorrupt = errors.New("checkpoint: corrupt")
	// ErrFormat says that something was written in a format that this build does
	// not read; the message names the format.
	ErrFormat = errors.New("checkpoint: unknown format")
	// ErrConflict says that the same version is stored with another state.
	ErrConflict = errors.New("checkpoint: version exists with another state")
	// ErrNamed says that a channel or tag holds on to a version.
	ErrNamed = errors.New("checkpoint: version is named by a channel or tag")
	// ErrInvalid says that a manifest, blob or name breaks a rule; the message
	// names the field and the rule.
	ErrInvalid = errors.New("checkpoint: invalid")
	// ErrTooLarge says that a blob passes Config.MaxBlob.
	ErrTooLarge = errors.New("checkpoint: too large")
	// ErrLocked says that another process has the store open for writing.
	ErrLocked = errors.New("checkpoint: store is open for writing elsewhere")
	// ErrReadOnly says that the store was opened by OpenReader.
	ErrReadOnly = errors.New("checkpoint: store is open for reading only")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("checkpoint: store is closed")
)

// Config sets what lasts as long as a store is open.
type Config struct {
	// Keep is how many versions with a whole state Retain leaves, beside those that
	// are named, and how many of weights alone. Default 10, at least 2: a damaged
	// version needs one before it.
	Keep int `yaml:"keep" json:"keep"`
	// KeepFor is the greatest age of a version in log time, against the newest;
	// Retain removes older ones even within Keep. 0, the default: no bound.
	KeepFor time.Duration `yaml:"keep_for" json:"keep_for"`
	// Compression is the effort of zstd, 1 (fastest, the default: float weights
	// hardly compress) to 4 (smallest). It does not touch the state hash.
	Compression int `yaml:"compression" json:"compression"`
	// MaxBlob bounds the plain bytes of one blob, written or read. Default 4 GiB.
	MaxBlob int64 `yaml:"max_blob_bytes" json:"max_blob_bytes"`
}

// WithDefaults fills the zero fields in.
func (c Config) WithDefaults() Config {
	if c.Keep == 0 {
		c.Keep = 10
	}
	if c.Compression == 0 {
		c.Compression = 1
	}
	if c.MaxBlob == 0 {
		c.MaxBlob = 4 << 30
	}
	return c
}

// Validate returns ErrInvalid with the field and the rule that it breaks.
func (c Config) Validate() error {
	switch {
	case c.Keep < 2:
		return fmt.Errorf("%w: keep: must be at least 2, is %d", ErrInvalid, c.Keep)
	case c.KeepFor < 0:
		return fmt.Errorf("%w: keep_for: must not be negative, is %s", ErrInvalid, c.KeepFor)
	case c.Compression < 1 || c.Compression > 4:
		return fmt.Errorf("%w: compression: must be 1 to 4, is %d", ErrInvalid, c.Compression)
	case c.MaxBlob < 1:
		return fmt.Errorf("%w: max_blob_bytes: must be positive, is %d", ErrInvalid, c.MaxBlob)
	}
	return nil
}

// Failpoints lists the points, in the order of a Write and a Retain, at which
// the Hook of WithHook is called: before and after each durable step. It is not
// to be changed.
var Failpoints = []string{
	"checkpoint.blob.sync:before", "checkpoint.blob.sync:after",
	"checkpoint.blob.rename:before", "checkpoint.blob.rename:after",
	"checkpoint.blob.syncdir:before", "checkpoint.blob.syncdir:after",
	"checkpoint.prev.sync:before", "checkpoint.prev.sync:after",
	"checkpoint.index.sync:before", "checkpoint.index.sync:after",
	"checkpoint.prev.rename:before", "checkpoint.prev.rename:after",
	"checkpoint.index.rename:before", "checkpoint.index.rename:after",
	"checkpoint.index.syncdir:before", "checkpoint.index.syncdir:after",
	"checkpoint.collect.remove:before", "checkpoint.collect.remove:after",
}

// An Option sets what is not configuration: what the process has to offer.
type Option func(*options)

type options struct {
	fs   durable.FS
	hook durable.Hook
	log  *slog.Logger
}

// WithLogger tells fall-backs and repairs to log. The default discards them.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithHook calls hook at each of Failpoints. An error from it fails the step.
func WithHook(hook func(point string) error) Option {
	return func(o *options) { o.hook = hook }
}

// WithFS keeps the store on another file system than the machine's.
func WithFS(fs durable.FS) Option { return func(o *options) { o.fs = fs } }

func newOptions(opts []Option) options {
	o := options{fs: durable.OS{}, log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}
