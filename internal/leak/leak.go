package leak

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end after the last test.
const patience = time.Minute

// Check runs the tests, and ends the process with their status, or with 1 where they
// succeeded and left goroutines behind.
func Check(m *testing.M) {
	status := m.Run()
	if status == 0 {
		if err := gone(patience); err != nil {
			fmt.Fprintln(os.Stderr, "goroutines are left:", err)
			status = 1
		}
	}
	os.Exit(status)
}

// gone waits until no goroutine but the caller's is left, or returns which are.
func gone(within time.Duration) error {
	for end := time.Now().Add(within); ; {
		late := time.Now().After(end)
		if err := goleak.Find(); err == nil || late {
			return err
		}
	}
}
