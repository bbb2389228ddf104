package access_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger/internal/access"
)

// connect connects as a log does, or returns what its user is told.
func connect(url string, files access.Files) error {
	opts, err := files.Options()
	if err != nil {
		return err
	}
	nc, err := nats.Connect(url, append(opts, nats.Timeout(time.Minute))...)
	if err != nil {
		return files.Explain(err)
	}
	nc.Close()
	return nil
}

// refused returns what connect says.
func refused(t *testing.T, url string, files access.Files) string {
	t.Helper()
	err := connect(url, files)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	return err.Error()
}

func TestAnOperatorsServerTakesTheCredentialsOfItsUsersAlone(t *testing.T) {
	operator := natstest.NewOperator(t)
	url := natstest.Server(t, operator.Guard).ClientURL()
	good := operator.Credentials("learner")
	require.NoError(t, connect(url, access.Files{Credentials: good}))

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
			got := refused(t, url, access.Files{Credentials: tc.file})
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
	files := func(ca string, p natstest.Pair) access.Files {
		return access.Files{CA: ca, Cert: p.Cert, Key: p.Key}
	}
	require.NoError(t, connect(url, files(ours.CA, pair)))

	for _, tc := range []struct {
		name string
		with access.Files
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
			got := refused(t, url, tc.with)
			for _, part := range tc.says {
				require.Contains(t, got, part)
			}
		})
	}
}
