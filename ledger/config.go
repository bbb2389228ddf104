package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger/internal/embedded"
)

// Config says where the log lives and how it is written. With URL the log lives in an
// external NATS; without, in a server embedded in this process.
type Config struct {
	// Dir is the embedded server's store folder. Required unless URL is set.
	Dir string `yaml:"dir" json:"dir"`
	// Listen is the host:port on which the embedded server also takes clients; empty
	// (the default) opens no socket. It asks for no password: keep to loopback, or
	// run an external server.
	Listen string `yaml:"listen" json:"listen"`
	// URL of an external NATS, several separated by commas.
	URL string `yaml:"url" json:"url"`
	// Credentials is the path of a NATS credentials file (external only).
	Credentials string `yaml:"credentials" json:"credentials"`
	// TLS is used when any of its files is named (external only).
	TLS TLS `yaml:"tls" json:"tls"`
	// Replicas of a stream that Open creates: 1 embedded; 3 by default outside.
	Replicas int `yaml:"replicas" json:"replicas"`
	// MaxBytes bounds a stream on disk; a full log refuses appends (ErrFull) and never
	// drops old records. 0, the default, leaves it to the disk.
	MaxBytes int64 `yaml:"max_bytes" json:"max_bytes"`
	// FreeBytes is how much of the embedded log's disk stays free: below it appends are
	// refused (ErrFull). 64 MiB by default; at least 1.
	FreeBytes int64 `yaml:"free_bytes" json:"free_bytes"`
	// DuplicateWindow is how long the broker remembers event ids: 10 s by default. It
	// costs the broker some 150 bytes of memory for each event in the window, and
	// serves retries; beyond it the learner's state knows the ids.
	DuplicateWindow time.Duration `yaml:"duplicate_window" json:"duplicate_window"`
	// AppendTimeout is the longest that Append waits for the log: 5 s by default.
	AppendTimeout time.Duration `yaml:"append_timeout" json:"append_timeout"`
	// QueueBytes bounds the memory waiting for commit, for each log: 64 MiB by default.
	QueueBytes int `yaml:"queue_bytes" json:"queue_bytes"`
	// MaxBatch is the most events in one commit: 1000 by default, which is also the
	// most that a NATS server takes unless configured otherwise.
	MaxBatch int `yaml:"max_batch" json:"max_batch"`
	// PullBytes bounds one pull of a scan; two are under way at once. 4 MiB by default.
	PullBytes int `yaml:"pull_bytes" json:"pull_bytes"`
	// Consumer names the scan's consumer: "learner" by default. Two learners that
	// scan one log each need a name.
	Consumer string `yaml:"consumer" json:"consumer"`
	// Failpoints, for crash tests; nil does nothing.
	Failpoints *failpoint.Set `yaml:"-" json:"-"`
}

// TLS names PEM files: the authority that vouches for the server, and the client's own
// certificate and key.
type TLS struct {
	CA   string `yaml:"ca" json:"ca"`
	Cert string `yaml:"cert" json:"cert"`
	Key  string `yaml:"key" json:"key"`
}

// WithDefaults returns c with every zero field that has a default set to it.
func (c Config) WithDefaults() Config {
	if c.Replicas == 0 {
		c.Replicas = 1
		if c.URL != "" {
			c.Replicas = 3
		}
	}
	if c.FreeBytes == 0 {
		c.FreeBytes = 64 << 20
	}
	if c.DuplicateWindow == 0 {
		c.DuplicateWindow = 10 * time.Second
	}
	if c.AppendTimeout == 0 {
		c.AppendTimeout = 5 * time.Second
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 1000
	}
	if c.PullBytes == 0 {
		c.PullBytes = 4 << 20
	}
	if c.Consumer == "" {
		c.Consumer = "learner"
	}
	return c
}

// Validate checks a Config that has its defaults. Its error names each field and rule.
func (c Config) Validate() error {
	var errs []error
	rule := func(ok bool, field, rule string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: must "+rule, append([]any{field}, args...)...))
		}
	}
	external := c.URL != ""
	rule(external != (c.Dir != ""), "dir", "be set (embedded server) exactly if url is not (external server)")
	rule(!external || c.Listen == "", "listen", "be empty with url: an external server listens itself")
	if c.Listen != "" {
		_, _, err := embedded.SplitListen(c.Listen)
		rule(err == nil, "listen", "be host:port")
	}
	rule(external || c.Credentials == "", "credentials", "be empty without url")
	rule(external || c.TLS == TLS{}, "tls", "be empty without url")
	rule((c.TLS.Cert == "") == (c.TLS.Key == ""), "tls.cert", "come with tls.key, and tls.key with tls.cert")
	rule(c.Replicas >= 1 && c.Replicas <= 5, "replicas", "be from 1 to 5")
	rule(external || c.Replicas == 1, "replicas", "be 1 without url: an embedded server stands alone")
	rule(c.MaxBytes >= 0, "max_bytes", "be 0 or more")
	rule(c.FreeBytes >= 1, "free_bytes", "be 1 or more")
	rule(c.DuplicateWindow >= 100*time.Millisecond && c.DuplicateWindow <= time.Hour,
		"duplicate_window", "be from 100ms to 1h")
	rule(c.AppendTimeout >= 10*time.Millisecond && c.AppendTimeout <= time.Minute,
		"append_timeout", "be from 10ms to 1m")
	rule(c.QueueBytes >= 64<<10, "queue_bytes", "be 65536 or more")
	rule(c.MaxBatch >= 1 && c.MaxBatch <= 1000, "max_batch", "be from 1 to 1000")
	rule(c.PullBytes >= 64<<10 && c.PullBytes <= 256<<20, "pull_bytes", "be from 65536 to 268435456")
	rule(validName(c.Consumer), "consumer", nameRule)
	return errors.Join(errs...)
}
