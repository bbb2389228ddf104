package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed learner.yaml
var learnerYAML []byte

const (
	readyWithin = 30 * time.Second
	stopWithin  = 10 * time.Second
)

// A learner is the process that is measured.
type learner struct {
	base string // URL
	log  string // file of its own words
	cmd  *exec.Cmd
	done chan struct{} // closed when it ended
	err  error         // of Wait; read after done
}

// build compiles the program into dir.
func build(ctx context.Context, dir string) (string, error) {
	to := filepath.Join(dir, "learner")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, "github.com/perennial-ml/perennial/cmd/learner")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the learner: %w\n%s", err, out)
	}
	return to, nil
}

// start runs a learner in dir and waits until it is ready.
func start(ctx context.Context, binary, dir string) (*learner, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	l := &learner{base: "http://" + address, log: filepath.Join(dir, "learner.log"), done: make(chan struct{})}
	file := filepath.Join(dir, "learner.yaml")
	if err := os.WriteFile(file, configuration(address), 0o644); err != nil {
		return nil, err
	}
	words, err := os.Create(l.log)
	if err != nil {
		return nil, err
	}
	defer words.Close()
	l.cmd = exec.Command(binary, "up", "--config", file)
	l.cmd.Dir, l.cmd.Stderr = dir, words
	// A Ctrl-C on the terminal is ours to pass on, after the last answers are in.
	l.cmd.SysProcAttr = ownGroup()
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the learner: %w", err)
	}
	go func() {
		l.err = l.cmd.Wait()
		close(l.done)
	}()
	if err := l.ready(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

// configuration returns the learner's, with the address that it serves on.
func configuration(address string) []byte {
	return bytes.ReplaceAll(learnerYAML, []byte("HTTP_ADDRESS"), []byte(address))
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("look for a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func (l *learner) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if _, err := get(ctx, http.DefaultClient, l.base+"/v2/health/ready"); err == nil {
			return nil
		}
		select {
		case <-l.done:
			return l.died()
		case <-ctx.Done():
			return fmt.Errorf("wait until the learner is ready: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// died says what the learner said last.
func (l *learner) died() error {
	words, _ := os.ReadFile(l.log) // an unreadable log leaves the error alone
	return fmt.Errorf("the learner ended: %w\n%s", l.err, words[max(0, len(words)-2000):])
}

// stop ends the learner by SIGTERM, and by SIGKILL where that doesn't do. It may be
// called again.
func (l *learner) stop() error {
	select {
	case <-l.done:
		return nil
	default:
	}
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the learner: %w", err)
	}
	select {
	case <-l.done:
		return l.err
	case <-time.After(stopWithin):
		err := l.cmd.Process.Kill()
		<-l.done
		return errors.Join(fmt.Errorf("the learner was still there %v after SIGTERM", stopWithin), err)
	}
}
