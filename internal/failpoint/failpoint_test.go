package failpoint_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/failpoint"
)

func TestNilSetDoesNothing(t *testing.T) {
	var s *failpoint.Set
	require.NoError(t, s.Hit("anywhere"))
	require.Zero(t, s.Hits("anywhere"))

	s, err := failpoint.Parse("  ")
	require.NoError(t, err)
	require.Nil(t, s)
}

func TestErrorFiresAtItsHitAndOnlyThere(t *testing.T) {
	s, err := failpoint.Parse("a=error:3; b=error")
	require.NoError(t, err)
	var fired []int
	for i := 1; i <= 5; i++ {
		if err := s.Hit("a"); err != nil {
			require.ErrorIs(t, err, failpoint.ErrInjected)
			require.ErrorContains(t, err, "a")
			fired = append(fired, i)
		}
	}
	require.Equal(t, []int{3}, fired)
	require.EqualValues(t, 5, s.Hits("a"))
	require.ErrorIs(t, s.Hit("b"), failpoint.ErrInjected)
	require.NoError(t, s.Hit("unnamed"))
}

func TestSleepDelaysItsHit(t *testing.T) {
	s, err := failpoint.Parse("a=sleep:30ms:2; b=sleep:1h:2")
	require.NoError(t, err)
	start := time.Now()
	require.NoError(t, s.Hit("b"), "an hour, or at once")
	require.NoError(t, s.Hit("a"))
	require.NoError(t, s.Hit("a"))
	require.GreaterOrEqual(t, time.Since(start), 30*time.Millisecond)
}

func TestHoldLastsUntilItsFileIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "go-on")
	s, err := failpoint.Parse("a=hold:" + file)
	require.NoError(t, err)
	var there atomic.Bool
	passed := make(chan bool)
	go func() {
		_ = s.Hit("a")
		passed <- there.Load()
	}()
	require.Eventually(t, func() bool { return s.Hits("a") == 1 }, time.Minute, time.Millisecond)
	there.Store(true)
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.True(t, <-passed, "it went on before the file was there")
	require.NoError(t, s.Hit("a"), "and not again")
}

func TestConcurrentHitsFireOnce(t *testing.T) {
	s, err := failpoint.Parse("a=error:50")
	require.NoError(t, err)
	var fired atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if s.Hit("a") != nil {
					fired.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, fired.Load())
	require.EqualValues(t, 800, s.Hits("a"))
}

func TestParseRefusesAndSaysWhat(t *testing.T) {
	for _, tc := range []struct{ name, spec, says string }{
		{"no action", "a", "name=action"},
		{"no name", "=crash", "name=action"},
		{"unknown action", "a=explode", `"explode"`},
		{"hit of zero", "a=crash:0", "from 1"},
		{"hit is no number", "a=crash:x", `"x"`},
		{"sleep without duration", "a=sleep", "duration"},
		{"hold without path", "a=hold", "path"},
		{"sleep of nonsense", "a=sleep:soon", `"soon"`},
		{"named twice", "a=crash;a=exit", "once"},
		{"too many fields", "a=crash:1:2", "too many"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := failpoint.Parse(tc.spec)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

// The child is this test binary: it passes the place twice and reports what it lived
// to see.
func TestCrashAndExitEndTheProcessAtTheHit(t *testing.T) {
	if spec := os.Getenv("FAILPOINT_TEST_CHILD"); spec != "" {
		s, err := failpoint.Parse(spec)
		if err != nil {
			os.Exit(1)
		}
		for i := 1; i <= 3; i++ {
			fmt.Println("before", i)
			_ = s.Hit("a")
		}
		os.Exit(0)
	}
	for _, tc := range []struct {
		name, spec string
		crashed    bool
	}{
		{"crash", "a=crash:2", true},
		{"exit", "a=exit:2", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestCrashAndExitEndTheProcessAtTheHit$")
			child.Env = append(os.Environ(), "FAILPOINT_TEST_CHILD="+tc.spec)
			out, err := child.Output()
			require.Equal(t, "before 1\nbefore 2\n", string(out))
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			if !tc.crashed {
				require.Equal(t, failpoint.ExitStatus, exit.ExitCode())
				return
			}
			status, ok := exit.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			require.True(t, status.Signaled(), "the process must die by a signal, as under kill -9")
			require.Equal(t, syscall.SIGKILL, status.Signal())
		})
	}
}
