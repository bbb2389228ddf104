package kernel_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The register allocator of the generator knows 32 vector registers, AVX2 has 16.
func TestAVX2UsesTheRegistersItHas(t *testing.T) {
	text, err := os.ReadFile("avx2_amd64.s")
	require.NoError(t, err)
	require.Empty(t, regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|[ZK]\d+)\b`).FindAllString(string(text), -1))
}
