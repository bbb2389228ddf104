package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A life is one run of the learner's process.
type life struct {
	cmd     *exec.Cmd
	began   time.Time
	done    chan struct{} // closed when it is dead
	err     error         // of Wait; read after done
	mu      sync.Mutex
	resumed map[string]uint64 // by model: the version restored
	tail    []string          // last lines of its log
}

// tailLines bounds what is kept of a life's log, for a report.
const tailLines = 30

// start begins a life that computes by a family of kernels. points are armed failpoints,
// log takes its standard error.
func start(binary string, s setting, kernels, points string, log io.Writer) (*life, error) {
	l := &life{done: make(chan struct{}), resumed: map[string]uint64{}}
	l.cmd = exec.Command(binary, "up", "--config", s.by[kernels], "--log-format", "json")
	l.cmd.Dir = s.dir
	l.cmd.Env = append(os.Environ(), "PERENNIAL_FAILPOINTS="+points, "GOMAXPROCS=2")
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	l.began = time.Now()
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the learner: %w", err)
	}
	go func() {
		defer close(l.done)
		l.read(stderr, log)
		l.err = l.cmd.Wait()
	}()
	return l, nil
}

// read passes the learner's log on and notes what it says of its start.
func (l *life) read(from io.Reader, log io.Writer) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		_, _ = io.WriteString(log, line+"\n") // a lost line harms no proof
		l.note(line)
	}
	_, _ = io.Copy(io.Discard, from) // a line beyond the buffer's bound
}

func (l *life) note(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, line)
	l.tail = l.tail[max(0, len(l.tail)-tailLines):]
	var e struct {
		Msg     string `json:"msg"`
		Model   string `json:"model"`
		Version uint64 `json:"version"`
	}
	if json.Unmarshal([]byte(line), &e) != nil {
		return
	}
	if e.Msg == "restored" {
		l.resumed[e.Model] = e.Version
	}
}

// restored returns the version of each model that the life began from.
func (l *life) restored() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.resumed)
}

// lastWords returns the end of its log.
func (l *life) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tail, "\n")
}

func (l *life) dead() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// within waits until the life ends, at most so long, and reports whether it did.
func (l *life) within(d time.Duration) bool {
	select {
	case <-l.done:
		return true
	case <-time.After(d):
		return l.dead()
	}
}

// kill ends the life by SIGKILL, and waits for the end.
func (l *life) kill() {
	_ = l.cmd.Process.Kill() // an error means that it is dead already
	<-l.done
}

// stopWithin is how long a clean stop may take, unless the run is told otherwise.
const stopWithin = 5 * time.Second

// stop asks the life to end by SIGTERM. The error says how it did not end as it should.
func (l *life) stop(within time.Duration) (time.Duration, error) {
	began := time.Now()
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop the learner: %w", err)
	}
	if !l.within(within) {
		l.kill()
		return time.Since(began), fmt.Errorf("SIGTERM: the learner was still there after %v", within)
	}
	if l.err != nil {
		return time.Since(began), fmt.Errorf("SIGTERM: the learner ended with %w", l.err)
	}
	return time.Since(began), nil
}

// killed reports whether a dead life was ended by SIGKILL.
func (l *life) killed() bool {
	var exit *exec.ExitError
	if !errors.As(l.err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// readyWithin is how long a start may take.
const readyWithin = time.Minute

var errDied = errors.New("the learner died before it was ready")

// ready waits until the learner serves every model, and returns how long that took.
func (l *life) ready(ctx context.Context, client *http.Client, s setting) (time.Duration, error) {
	for deadline := l.began.Add(readyWithin); time.Now().Before(deadline); {
		resp, err := client.Get(s.http + "/v2/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(l.began), nil
			}
		}
		select {
		case <-l.done:
			return 0, errDied
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("the learner was not ready after %v", readyWithin)
}
