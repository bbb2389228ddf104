package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// An Authority signs certificates that are good for 127.0.0.1.
type Authority struct {
	CA string // PEM file of its own certificate

	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// A Pair is the PEM files of a certificate and its key.
type Pair struct{ Cert, Key string }

// NewAuthority makes an authority of a name.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	key := newKey(t)
	form := form(name)
	form.IsCA, form.BasicConstraintsValid, form.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &Authority{CA: write(t, name+".pem", "CERTIFICATE", der), t: t, cert: cert, key: key}
}

// Sign makes a certificate for a server or a client.
func (a *Authority) Sign(name string) Pair {
	a.t.Helper()
	key := newKey(a.t)
	form := form(name)
	form.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	form.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, form, a.cert, key.Public(), a.key)
	require.NoError(a.t, err)
	encoded, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	return Pair{
		Cert: write(a.t, name+".pem", "CERTIFICATE", der),
		Key:  write(a.t, name+"-key.pem", "EC PRIVATE KEY", encoded),
	}
}

// Secure makes a server speak TLS alone, and take only clients whose certificate the
// authority signed.
func (a *Authority) Secure(opts *server.Options) {
	pair := a.Sign("server")
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	require.NoError(a.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	opts.TLS, opts.TLSVerify = true, true
	opts.TLSConfig = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{cert},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func form(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

func write(t testing.TB, name, kind string, der []byte) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}
