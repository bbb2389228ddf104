package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/seal"
)

func content(w io.Writer) error {
	_, err := io.WriteString(w, "content")
	return err
}

func TestADigestIsKnownOnceTheBytesWereWrittenToTheirEnd(t *testing.T) {
	var s seal.Seal
	require.Empty(t, s.Digest())

	broken := errors.New("disk full")
	require.ErrorIs(t, s.Write(io.Discard, func(w io.Writer) error {
		_ = content(w)
		return broken
	}), broken)
	require.Empty(t, s.Digest(), "half of the bytes have another digest")

	var out bytes.Buffer
	for range 2 {
		out.Reset()
		require.NoError(t, s.Write(&out, content))
		require.Equal(t, "content", out.String())
		require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("content"))), s.Digest())
	}
}
