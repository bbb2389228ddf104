package ledger_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/ledger"
)

func TestConfigErrorsNameTheFieldAndTheRule(t *testing.T) {
	good := ledger.Config{Dir: "d"}.WithDefaults()
	require.NoError(t, good.Validate())
	require.NoError(t, ledger.Config{URL: "nats://x"}.WithDefaults().Validate())
	for _, tc := range []struct {
		name string
		edit func(*ledger.Config)
		says string
	}{
		{"no place", func(c *ledger.Config) { c.Dir = "" }, "dir: must be set"},
		{"two places", func(c *ledger.Config) { c.URL = "nats://x" }, "dir: must be set"},
		{"listen", func(c *ledger.Config) { c.Listen = "4222" }, "listen: must be host:port"},
		{"credentials", func(c *ledger.Config) { c.Credentials = "f" }, "credentials: must be empty without url"},
		{"half a certificate", func(c *ledger.Config) { c.TLS.Cert = "f" }, "tls.cert: must come with tls.key"},
		{"replicas", func(c *ledger.Config) { c.Replicas = 3 }, "replicas: must be 1 without url"},
		{"window", func(c *ledger.Config) { c.DuplicateWindow = time.Millisecond }, "duplicate_window: must be from 100ms"},
		{"timeout", func(c *ledger.Config) { c.AppendTimeout = time.Hour }, "append_timeout: must be"},
		{"queue", func(c *ledger.Config) { c.QueueBytes = 5 }, "queue_bytes: must be 65536 or more"},
		{"batch", func(c *ledger.Config) { c.MaxBatch = 1001 }, "max_batch: must be from 1 to 1000"},
		{"pull", func(c *ledger.Config) { c.PullBytes = 5 }, "pull_bytes: must be"},
		{"consumer", func(c *ledger.Config) { c.Consumer = "a.b" }, "consumer: must be 1 to 64"},
		{"bytes", func(c *ledger.Config) { c.MaxBytes = -1 }, "max_bytes: must be 0 or more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := good
			tc.edit(&c)
			require.ErrorContains(t, c.Validate(), tc.says)
		})
	}
	_, err := json.Marshal(good)
	require.NoError(t, err)
}
