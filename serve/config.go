package serve

import (
	"fmt"
	"net"
	"time"

	"github.com/perennial-ml/perennial/serve/oip"
)

// RecordMode says when a served prediction is in the log.
type RecordMode string

// The record modes.
const (
	// RecordAsync answers once the prediction is in a bounded queue in memory,
	// which is appended in groups. A full queue makes requests wait for room.
	RecordAsync RecordMode = "async"
	// RecordDurable answers once the prediction is on disk.
	RecordDurable RecordMode = "durable"
)

// Config says how the server listens, what it bounds and how traffic is split. The
// zero value with WithDefaults is a server for one machine.
type Config struct {
	// Address is host:port to listen on. Default 127.0.0.1:8080.
	Address string `yaml:"address" json:"address,omitempty"`
	// Source is the CloudEvents source of the events that the server makes.
	// Default "perennial/serve".
	Source string `yaml:"source" json:"source,omitempty"`
	// AdminToken, where set, must be sent as a bearer token to control a model.
	// Without one, control is open to loopback addresses only, and only while
	// Address is one. At least 16 characters.
	AdminToken string `yaml:"admin_token" json:"admin_token,omitempty"`

	Limits  Limits  `yaml:"limits" json:"limits,omitzero"`
	Record  Record  `yaml:"record" json:"record,omitzero"`
	Traffic Traffic `yaml:"traffic" json:"traffic,omitzero"`
}

// Limits bound what one request, and all of them together, may take.
type Limits struct {
	Body        int64         `yaml:"body" json:"body,omitempty"`                 // bytes; default 8 MiB
	Header      int           `yaml:"header" json:"header,omitempty"`             // bytes; default 32 KiB
	Depth       int           `yaml:"depth" json:"depth,omitempty"`               // nesting of JSON; default 32
	Rows        int           `yaml:"rows" json:"rows,omitempty"`                 // of one inference; default 1,024
	Events      int           `yaml:"events" json:"events,omitempty"`             // of one batch; default 10,000
	Concurrency int           `yaml:"concurrency" json:"concurrency,omitempty"`   // requests at once; default 256; more get 429
	Predictors  int           `yaml:"predictors" json:"predictors,omitempty"`     // of one model at once; default the processors in use
	ReadTimeout time.Duration `yaml:"read_timeout" json:"read_timeout,omitempty"` // of a whole request; default 10s
	Timeout     time.Duration `yaml:"timeout" json:"timeout,omitempty"`           // of handling; default 10s
	IdleTimeout time.Duration `yaml:"idle_timeout" json:"idle_timeout,omitempty"` // of a kept connection; default 90s
	Drain       time.Duration `yaml:"drain" json:"drain,omitempty"`               // for a clean stop; default 4s, under 5s
}

// Record says how served predictions reach the log.
type Record struct {
	Mode RecordMode `yaml:"mode" json:"mode,omitempty"` // async (default) or durable
	// QueueEvents and QueueBytes bound the predictions of one model that were
	// answered and are not on disk. Defaults 8,192 and 32 MiB.
	QueueEvents int   `yaml:"queue_events" json:"queue_events,omitempty"`
	QueueBytes  int64 `yaml:"queue_bytes" json:"queue_bytes,omitempty"`
}

// Traffic splits requests between the channels.
type Traffic struct {
	// Candidate is the fraction of subjects that the candidate answers, in
	// [0, 1]. Default 0.
	Candidate float64 `yaml:"candidate" json:"candidate,omitempty"`
	// Shadow lets the candidate compute, and record, an answer of its own to the
	// requests that stable answers.
	Shadow bool `yaml:"shadow" json:"shadow,omitempty"`
	// Salt names the split; another salt deals the subjects anew. Default
	// "perennial".
	Salt string `yaml:"salt" json:"salt,omitempty"`
}

// WithDefaults returns c with every unset field at its documented default, but for
// Limits.Predictors, whose default depends on the machine and is taken by New.
func (c Config) WithDefaults() Config {
	setDefault(&c.Address, "127.0.0.1:8080")
	setDefault(&c.Source, "perennial/serve")
	setDefault(&c.Limits.Body, 8<<20)
	setDefault(&c.Limits.Header, 32<<10)
	setDefault(&c.Limits.Depth, 32)
	setDefault(&c.Limits.Rows, 1024)
	setDefault(&c.Limits.Events, 10_000)
	setDefault(&c.Limits.Concurrency, 256)
	setDefault(&c.Limits.ReadTimeout, 10*time.Second)
	setDefault(&c.Limits.Timeout, 10*time.Second)
	setDefault(&c.Limits.IdleTimeout, 90*time.Second)
	setDefault(&c.Limits.Drain, 4*time.Second)
	setDefault(&c.Record.Mode, RecordAsync)
	setDefault(&c.Record.QueueEvents, 8192)
	setDefault(&c.Record.QueueBytes, 32<<20)
	setDefault(&c.Traffic.Salt, "perennial")
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns an error that names the first field that breaks a rule, and the
// rule. It expects the defaults to be filled in.
func (c Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("address must be host:port: %w", err)
	}
	if c.AdminToken != "" && len(c.AdminToken) < 16 {
		return fmt.Errorf("admin_token must have at least 16 characters")
	}
	for _, f := range []struct {
		name     string
		value    int64
		min, max int64
	}{
		{"limits.body", c.Limits.Body, 1 << 10, 1 << 30},
		{"limits.header", int64(c.Limits.Header), 1 << 10, 1 << 20},
		{"limits.depth", int64(c.Limits.Depth), 4, 1000},
		{"limits.rows", int64(c.Limits.Rows), 1, 1 << 20},
		{"limits.events", int64(c.Limits.Events), 1, 1 << 20},
		{"limits.concurrency", int64(c.Limits.Concurrency), 1, 1 << 20},
		{"limits.predictors", int64(c.Limits.Predictors), 0, 1024},
		{"record.queue_events", int64(c.Record.QueueEvents), 1, 1 << 24},
		{"record.queue_bytes", c.Record.QueueBytes, 1 << 10, 1 << 36},
	} {
		if f.value < f.min || f.value > f.max {
			return fmt.Errorf("%s must be between %d and %d, not %d", f.name, f.min, f.max, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"limits.read_timeout", c.Limits.ReadTimeout},
		{"limits.timeout", c.Limits.Timeout},
		{"limits.idle_timeout", c.Limits.IdleTimeout},
		{"limits.drain", c.Limits.Drain},
	} {
		if f.value <= 0 {
			return fmt.Errorf("%s must be positive, not %v", f.name, f.value)
		}
	}
	if c.Limits.Drain >= 5*time.Second {
		return fmt.Errorf("limits.drain must be under 5s, not %v", c.Limits.Drain)
	}
	if c.Record.Mode != RecordAsync && c.Record.Mode != RecordDurable {
		return fmt.Errorf("record.mode must be async or durable, not %q", c.Record.Mode)
	}
	if !(c.Traffic.Candidate >= 0 && c.Traffic.Candidate <= 1) {
		return fmt.Errorf("traffic.candidate must be in [0, 1], not %v", c.Traffic.Candidate)
	}
	return nil
}

func (c Config) inferLimits() oip.Limits { return oip.Limits{Depth: c.Limits.Depth} }
