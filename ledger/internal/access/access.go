package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Files are the paths of what proves who is who; "" for what isn't used.
type Files struct {
	Credentials string // NATS credentials: a user's JWT and seed
	CA          string // PEM: the authority that vouches for the server
	Cert, Key   string // PEM: the client's own certificate, and its key
}

// Options returns the connection's options, having read each file as the client will. The
// files are read again with each connection.
func (f Files) Options() ([]nats.Option, error) {
	var opts []nats.Option
	if f.Credentials != "" {
		if err := checkCredentials(f.Credentials); err != nil {
			return nil, fmt.Errorf("log.credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(f.Credentials))
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("log.tls.ca: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("log.tls.ca: %s holds no certificate in PEM", f.CA)
		}
		opts = append(opts, nats.RootCAs(f.CA))
	}
	if f.Cert != "" {
		if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil {
			return nil, fmt.Errorf("log.tls.cert with log.tls.key: %w", err)
		}
		opts = append(opts, nats.ClientCert(f.Cert, f.Key))
	}
	return opts, nil
}

// checkCredentials reads a credentials file as the client will: a user's JWT and its seed.
func checkCredentials(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := nkeys.ParseDecoratedJWT(data); err != nil {
		return fmt.Errorf("%s holds no user JWT: %w", path, err)
	}
	key, err := nkeys.ParseDecoratedUserNKey(data)
	if err != nil {
		return fmt.Errorf("%s holds no user seed: %w", path, err)
	}
	key.Wipe()
	return nil
}

// Explain adds to a refused connection which setting the refusal concerns. A server that
// refuses a client's certificate says so by an alert, or, where the client wrote first,
// by closing.
func (f Files) Explain(err error) error {
	// given chooses a word by whether the setting has a value.
	given := func(value, ours, none string) error {
		if value != "" {
			return fmt.Errorf("%w: %s", err, ours)
		}
		return fmt.Errorf("%w: %s", err, none)
	}
	var unknown x509.UnknownAuthorityError
	text := err.Error()
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return given(f.Credentials, "the server does not take the user of log.credentials",
			"the server takes known users only: set log.credentials")
	case errors.As(err, &unknown), strings.Contains(text, "unknown authority"):
		return given(f.CA, "the authority of log.tls.ca did not sign the server's certificate",
			"set log.tls.ca to the authority that signed the server's certificate")
	case strings.Contains(text, "remote error: tls:"), strings.Contains(text, "closed by remote after TLS handshake"):
		return given(f.Cert, "the server does not take the certificate of log.tls.cert",
			"the server asks for a certificate: set log.tls.cert and log.tls.key")
	}
	return err
}
