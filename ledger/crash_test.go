package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/failpoint"
	"github.com/perennial-ml/perennial/ledger"
)

const (
	crashDir  = "LEDGER_TEST_CRASH_DIR"
	crashSpec = "LEDGER_TEST_CRASH_SPEC"
)

// crashChild appends, erases and writes dead letters, and says on standard output what
// it was told is durable, until it is killed.
func crashChild(dir, spec string) error {
	fail, err := failpoint.Parse(spec)
	if err != nil {
		return err
	}
	ctx := context.Background()
	b, err := ledger.Connect(ctx, patiently(ledger.Config{Dir: dir, Failpoints: fail}), discard())
	if err != nil {
		return err
	}
	l, err := b.Open(ctx, "churn")
	if err != nil {
		return err
	}
	for k := range 8 {
		from := k*40 + 1
		receipts, err := l.Append(ctx, numbered(from, from+39))
		if err != nil {
			return err
		}
		for i, r := range receipts {
			fmt.Printf("stored e%d %d\n", from+i, r.Position)
		}
		p := receipts[0].Position
		if err := l.Erase(ctx, p); err != nil {
			return err
		}
		fmt.Printf("erased e%d %d\n", from, p)
		if err := l.DeadLetter(ctx, letter(p+1)); err != nil {
			return err
		}
		fmt.Printf("letter e%d %d\n", from+1, p+1)
	}
	return errors.New("was not killed")
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilledAtAnyPlace(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, crashChild(dir, os.Getenv(crashSpec)))
		os.Exit(1)
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, point := range ledger.Failpoints() {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			child := exec.Command(os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
			child.Env = append(os.Environ(), crashDir+"="+dir, crashSpec+"="+point+"=crash:4")
			out, err := child.Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, -1, exit.ExitCode(), "the child must be killed: %s", exit.Stderr)

			l := open(t, ledger.Config{Dir: dir})
			stored := map[string]ledger.Position{}
			require.NoError(t, l.Range(t.Context(), 1, ^ledger.Position(0), func(r ledger.Raw) error {
				id := r.Header["ce-id"][0]
				require.NotContains(t, stored, id)
				stored[id] = r.Position
				return nil
			}))
			letters, err := l.DeadLetters(t.Context(), 1, 1000)
			require.NoError(t, err)
			lettered := map[ledger.Position]bool{}
			for _, d := range letters {
				require.Equal(t, letter(d.Position), d)
				lettered[d.Position] = true
			}
			last, erased := ledger.Position(0), map[string]bool{}
			acked := map[string]ledger.Position{}
			for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
				var what, id string
				var p ledger.Position
				_, err := fmt.Sscan(lines.Text(), &what, &id, &p)
				require.NoError(t, err)
				switch what {
				case "stored":
					acked[id], last = p, max(last, p)
				case "erased":
					erased[id] = true
					require.NotContains(t, stored, id)
				case "letter":
					require.True(t, lettered[p])
				}
			}
			require.NotEmpty(t, acked)
			for id, p := range acked {
				at, ok := stored[id]
				if !ok {
					// Only an erasure, perhaps one that was just under way, takes a record.
					require.True(t, erased[id] || strings.Contains(point, "erase"), "%s is lost", id)
					continue
				}
				require.Equal(t, p, at, "%s has moved", id)
			}
			// All or nothing of the batch that was under way.
			gaps := erasedIn(t, l)
			require.Zero(t, (len(stored)+gaps)%40)
			require.NoError(t, l.Check(t.Context(), l.ID(), last))

			// The same calls again bring everything to its end. The broker, which reads
			// its ids from the records at start, has forgotten those of erased ones.
			for k := range 8 {
				appendAll(t, l, numbered(k*40+1, k*40+40))
			}
			state, err := l.State(t.Context())
			require.NoError(t, err)
			require.Equal(t, ledger.Position(8*40+gaps), state.Last)
		})
	}
}

// erasedIn counts the positions without a record.
func erasedIn(t *testing.T, l *ledger.Log) int {
	state, err := l.State(t.Context())
	require.NoError(t, err)
	return int(uint64(state.Last) - state.Records)
}
