package kernel_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The register allocator of the generator knows 32 vector registers, AVX2 has 16.
func TestAVX2UsesTheRegistersItHas(t *testing.T) {
	text, err := os.ReadFile("avx2_amd64.s")
	require.NoError(t, err)
	require.Empty(t, regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|[ZK]\d+)\b`).FindAllString(string(text), -1))
}

// An instruction of SSE that writes a register while the upper half of another is in use costs a
// hundred nanoseconds.
func TestNoInstructionOfSSEWritesBesideWiderRegisters(t *testing.T) {
	wide, write := regexp.MustCompile(`^\tV.*\b[YZ]\d`), regexp.MustCompile(`^\t[^V].*, *X\d+$`)
	for _, name := range []string{"avx2_amd64.s", "avx512_amd64.s"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		used := false
		for i, line := range strings.Split(string(text), "\n") {
			switch {
			case strings.HasPrefix(line, "TEXT") || strings.Contains(line, "VZEROUPPER"):
				used = false
			case wide.MatchString(line):
				used = true
			case used && write.MatchString(line):
				require.Fail(t, "an instruction of SSE", "%s:%d: %s", name, i+1, line)
			}
		}
	}
}
