package natstest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// An Operator signs an account, and the account its users: how NATS is run where nobody
// logs in by password.
type Operator struct {
	t        testing.TB
	operator *jwt.OperatorClaims
	account  nkeys.KeyPair
	accounts map[string]string // public key -> signed claims
}

// NewOperator makes an operator with one account, which may use JetStream.
func NewOperator(t testing.TB) *Operator {
	t.Helper()
	key, err := nkeys.CreateOperator()
	require.NoError(t, err)
	o := &Operator{t: t, accounts: map[string]string{}}
	o.operator = jwt.NewOperatorClaims(public(t, key))
	// JetStream under an operator has to have an account for the servers' own talk.
	system, _ := o.sign(key, "system", func(*jwt.AccountClaims) {})
	o.operator.SystemAccount = system
	_, o.account = o.sign(key, "learner", func(c *jwt.AccountClaims) {
		c.Limits.DiskStorage, c.Limits.MemoryStorage = jwt.NoLimit, jwt.NoLimit
	})
	_, err = o.operator.Encode(key)
	require.NoError(t, err)
	return o
}

// sign adds an account.
func (o *Operator) sign(operator nkeys.KeyPair, name string, edit func(*jwt.AccountClaims)) (string, nkeys.KeyPair) {
	key, err := nkeys.CreateAccount()
	require.NoError(o.t, err)
	claims := jwt.NewAccountClaims(public(o.t, key))
	claims.Name, claims.Expires = name, tomorrow()
	edit(claims)
	signed, err := claims.Encode(operator)
	require.NoError(o.t, err)
	o.accounts[claims.Subject] = signed
	return claims.Subject, key
}

// Guard makes a server take only users of the operator's accounts.
func (o *Operator) Guard(opts *server.Options) {
	resolver := &server.MemAccResolver{}
	for key, signed := range o.accounts {
		require.NoError(o.t, resolver.Store(key, signed))
	}
	opts.TrustedOperators = []*jwt.OperatorClaims{o.operator}
	opts.SystemAccount = o.operator.SystemAccount
	opts.AccountResolver = resolver
}

// Credentials makes a user of the account and returns the path of its credentials file.
func (o *Operator) Credentials(name string) string {
	o.t.Helper()
	key, err := nkeys.CreateUser()
	require.NoError(o.t, err)
	claims := jwt.NewUserClaims(public(o.t, key))
	claims.Name, claims.Expires = name, tomorrow()
	signed, err := claims.Encode(o.account)
	require.NoError(o.t, err)
	seed, err := key.Seed()
	require.NoError(o.t, err)
	file, err := jwt.FormatUserConfig(signed, seed)
	require.NoError(o.t, err)
	path := filepath.Join(o.t.TempDir(), name+".creds")
	require.NoError(o.t, os.WriteFile(path, file, 0o600))
	return path
}

func public(t testing.TB, key nkeys.KeyPair) string {
	name, err := key.PublicKey()
	require.NoError(t, err)
	return name
}

func tomorrow() int64 { return time.Now().Add(24 * time.Hour).Unix() }
