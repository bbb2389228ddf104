package ledger

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

// access returns the options by which an external server and this client prove who they
// are. What a file lacks is found here, where its setting can be named; the files are read
// again with each connection, so that what is renewed on disk is used.
func (c Config) access() ([]nats.Option, error) {
	var opts []nats.Option
	if c.Credentials != "" {
		if err := checkCredentials(c.Credentials); err != nil {
			return nil, fmt.Errorf("log.credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	if c.TLS.CA != "" {
		pem, err := os.ReadFile(c.TLS.CA)
		if err != nil {
			return nil, fmt.Errorf("log.tls.ca: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("log.tls.ca: %s holds no certificate in PEM", c.TLS.CA)
		}
		opts = append(opts, nats.RootCAs(c.TLS.CA))
	}
	if c.TLS.Cert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key); err != nil {
			return nil, fmt.Errorf("log.tls.cert with log.tls.key: %w", err)
		}
		opts = append(opts, nats.ClientCert(c.TLS.Cert, c.TLS.Key))
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

// explain adds to a refused connection which setting the refusal concerns. A server that
// refuses a client's certificate says so by an alert, or, where the client wrote first,
// by closing.
func (c Config) explain(err error) error {
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
		return given(c.Credentials, "the server does not take the user of log.credentials",
			"the server takes known users only: set log.credentials")
	case errors.As(err, &unknown), strings.Contains(text, "unknown authority"):
		return given(c.TLS.CA, "the authority of log.tls.ca did not sign the server's certificate",
			"set log.tls.ca to the authority that signed the server's certificate")
	case strings.Contains(text, "remote error: tls:"), strings.Contains(text, "closed by remote after TLS handshake"):
		return given(c.TLS.Cert, "the server does not take the certificate of log.tls.cert",
			"the server asks for a certificate: set log.tls.cert and log.tls.key")
	}
	return err
}
