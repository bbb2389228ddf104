package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A process is a learner of its own, with its log in a file of the demo's folder.
type process struct {
	program, folder, address string
	cmd                      *exec.Cmd
	log                      *os.File
	done                     chan error
}

// start runs `learner up` and waits until it is ready. It returns how long that took.
func (p *process) start(ctx context.Context) (time.Duration, error) {
	var err error
	if p.log, err = os.OpenFile(p.folder+"/learner.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return 0, err
	}
	p.cmd = exec.Command(p.program, "up", "--config", p.folder+"/learner.yaml")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	// Ctrl-C is for the demo, which then stops the learner itself.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return 0, errors.Join(err, p.log.Close())
	}
	p.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(p.cmd, p.done)
	for {
		resp, err := http.Get("http://" + p.address + "/v2/health/ready")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case err := <-p.done:
			p.cmd = nil
			return 0, errors.Join(fmt.Errorf("the learner ended at its start (%w); see %s/learner.log", errOr(err), p.folder), p.log.Close())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func errOr(err error) error {
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

// kill ends the learner with SIGKILL: nothing is flushed, nothing is said.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	<-p.done
	p.cmd = nil
	return p.log.Close()
}

// stop ends the learner cleanly. It may be called when none is running.
func (p *process) stop() (time.Duration, error) {
	if p.cmd == nil {
		return 0, nil
	}
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case err := <-p.done:
		p.cmd = nil
		return time.Since(began), errors.Join(err, p.log.Close())
	case <-time.After(10 * time.Second):
		return 0, errors.Join(errors.New("the learner did not stop on SIGTERM"), p.kill())
	}
}

// stateHash is what `learner state hash --json` answers.
type stateHash struct {
	Position uint64 `json:"position"`
	Hash     string `json:"hash"`
	From     uint64 `json:"from"`
	Records  uint64 `json:"records"`
	Learned  uint64 `json:"learned"`
}

// hash computes the state at the end of the log, from the newest version or from the
// log's start.
func (p *process) hash(ctx context.Context, fromStart bool) (stateHash, error) {
	args := []string{"state", "hash", "--json", "--log-level", "error", "--config", p.folder + "/learner.yaml"}
	if fromStart {
		args = append(args, "--from-start")
	}
	var h stateHash
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.program, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return h, fmt.Errorf("learner state hash: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return h, json.Unmarshal(out, &h)
}
