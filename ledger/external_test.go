package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger"
)

// serves appends to a log and reads it back.
func serves(t *testing.T, cfg ledger.Config) {
	t.Helper()
	cfg.Replicas = 1
	l := open(t, cfg)
	appendAll(t, l, numbered(1, 30))
	require.Equal(t, names(1, 30), next(t, scan(t, l, 1), 30))
}

// refused returns what Connect says.
func refused(t *testing.T, cfg ledger.Config) string {
	t.Helper()
	b, err := ledger.Connect(t.Context(), cfg, discard())
	if err == nil {
		require.NoError(t, b.Close())
	}
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	return err.Error()
}

func TestAnOperatorsServerTakesTheCredentialsOfItsUsersAlone(t *testing.T) {
	operator := natstest.NewOperator(t)
	url := natstest.Server(t, operator.Guard).ClientURL()
	good := operator.Credentials("learner")
	serves(t, ledger.Config{URL: url, Credentials: good})

	torn := filepath.Join(t.TempDir(), "torn.creds")
	data, err := os.ReadFile(good)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(torn, data[:len(data)/2], 0o600))
	for _, tc := range []struct {
		name, file string
		says       []string
	}{
		{"none", "", []string{"Authorization Violation", "set log.credentials"}},
		{"another operator's", natstest.NewOperator(t).Credentials("stranger"), []string{"Authorization Violation", "log.credentials"}},
		{"no such file", filepath.Join(t.TempDir(), "gone.creds"), []string{"log.credentials", "gone.creds", "no such file"}},
		{"half a file", torn, []string{"log.credentials", "torn.creds"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := refused(t, ledger.Config{URL: url, Credentials: tc.file})
			for _, part := range tc.says {
				require.Contains(t, got, part)
			}
		})
	}
}

func TestTLSHoldsBothSidesToTheirAuthority(t *testing.T) {
	ours, other := natstest.NewAuthority(t, "ours"), natstest.NewAuthority(t, "other")
	url := natstest.Server(t, ours.Secure).ClientURL()
	pair, strange := ours.Sign("learner"), other.Sign("learner")
	files := func(ca string, p natstest.Pair) ledger.TLS {
		return ledger.TLS{CA: ca, Cert: p.Cert, Key: p.Key}
	}
	serves(t, ledger.Config{URL: url, TLS: files(ours.CA, pair)})

	for _, tc := range []struct {
		name string
		tls  ledger.TLS
		says []string
	}{
		{"another authority", files(other.CA, pair), []string{"unknown authority", "log.tls.ca"}},
		{"no authority", files("", pair), []string{"unknown authority", "log.tls.ca"}},
		{"no certificate", files(ours.CA, natstest.Pair{}), []string{"log.tls.cert"}},
		{"a stranger's certificate", files(ours.CA, strange), []string{"log.tls.cert"}},
		{"another's key", files(ours.CA, natstest.Pair{Cert: pair.Cert, Key: strange.Key}), []string{"log.tls.cert", "private key does not match"}},
		{"no such authority", files(ours.CA+".gone", pair), []string{"log.tls.ca", "no such file"}},
		{"no such certificate", files(ours.CA, natstest.Pair{Cert: pair.Cert + ".gone", Key: pair.Key}), []string{"log.tls.cert", "no such file"}},
		{"a key for an authority", files(pair.Key, pair), []string{"log.tls.ca"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := refused(t, ledger.Config{URL: url, TLS: tc.tls})
			for _, part := range tc.says {
				require.Contains(t, got, part)
			}
		})
	}
}
