package ledger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/natstest"
	"github.com/perennial-ml/perennial/ledger"
)

func TestALogOutsideIsReachedWithTheFilesOfItsConfig(t *testing.T) {
	operator, authority := natstest.NewOperator(t), natstest.NewAuthority(t, "ours")
	pair := authority.Sign("learner")
	for _, tc := range []struct {
		name string
		cfg  ledger.Config
		says string // without the files
	}{
		{"credentials", ledger.Config{
			URL:         natstest.Server(t, operator.Guard).ClientURL(),
			Credentials: operator.Credentials("learner"),
		}, "set log.credentials"},
		{"TLS", ledger.Config{
			URL: natstest.Server(t, authority.Secure).ClientURL(),
			TLS: ledger.TLS{CA: authority.CA, Cert: pair.Cert, Key: pair.Key},
		}, "set log.tls.ca"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.cfg.Replicas = 1
			l := open(t, tc.cfg)
			appendAll(t, l, numbered(1, 30))
			require.Equal(t, names(1, 30), next(t, scan(t, l, 1), 30))

			_, err := ledger.Connect(t.Context(), ledger.Config{URL: tc.cfg.URL}, discard())
			require.ErrorContains(t, err, tc.says)
		})
	}
}
