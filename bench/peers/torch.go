package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

//go:embed worker.py
var worker string

// errNoTorch says why there is no PyTorch to compare with.
var errNoTorch = errors.New("no Python with PyTorch was found; on Debian: apt install python3-torch libopenblas0-pthread")

// findPython returns the first interpreter that has torch.
func findPython(ctx context.Context, named string) (string, error) {
	candidates := []string{named}
	if named == "" {
		candidates = []string{"python3", "/usr/bin/python3"}
	}
	for _, c := range candidates {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		err := exec.CommandContext(ctx, c, "-c", "import torch").Run()
		cancel()
		if err == nil {
			return c, nil
		}
	}
	if named != "" {
		return "", fmt.Errorf("%s: %w", named, errNoTorch)
	}
	return "", errNoTorch
}

// A torch is one worker process.
type torch struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	Version string
	made    int
}

// startTorch starts a worker of so many threads. Threads that wait do not spin.
func startTorch(ctx context.Context, python string, threads int) (*torch, error) {
	n := strconv.Itoa(threads)
	cmd := exec.CommandContext(ctx, python, "-u", "-c", worker)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS="+n, "MKL_NUM_THREADS="+n, "OMP_WAIT_POLICY=PASSIVE")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	t := &torch{cmd: cmd, in: in, out: bufio.NewScanner(out)}
	var hello struct {
		Version string `json:"version"`
		Threads int    `json:"threads"`
	}
	if err := t.ask(map[string]any{"op": "hello"}, &hello); err != nil {
		return nil, errors.Join(err, t.close())
	}
	if hello.Threads != threads {
		return nil, errors.Join(fmt.Errorf("worker has %d threads, must have %d", hello.Threads, threads), t.close())
	}
	t.Version = hello.Version
	return t, nil
}

// ask sends one request and decodes its answer.
func (t *torch) ask(request map[string]any, answer any) error {
	line, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("ask worker: %w", err)
	}
	if _, err := t.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("ask worker to %v: %w", request["op"], err)
	}
	if !t.out.Scan() {
		return fmt.Errorf("ask worker to %v: it ended: %w", request["op"], errors.Join(t.out.Err(), io.ErrUnexpectedEOF))
	}
	var failed struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(t.out.Bytes(), &failed); err != nil {
		return fmt.Errorf("ask worker to %v: %w", request["op"], err)
	}
	if failed.Error != "" {
		return fmt.Errorf("worker: %v: %s", request["op"], failed.Error)
	}
	if err := json.Unmarshal(t.out.Bytes(), answer); err != nil {
		return fmt.Errorf("ask worker to %v: %w", request["op"], err)
	}
	return nil
}

// variants lists the ways in which a workload may be set up.
func (t *torch) variants(w spec) ([]string, error) {
	var a struct {
		Variants []string `json:"variants"`
	}
	err := t.ask(map[string]any{"op": "variants", "workload": w}, &a)
	return a.Variants, err
}

// build makes a fresh instance of a workload.
func (t *torch) build(w spec, variant string, seed int) (*instance, error) {
	t.made++
	i := &instance{torch: t, id: t.made}
	return i, t.ask(map[string]any{"op": "make", "id": i.id, "workload": w, "variant": variant, "seed": seed}, &struct{}{})
}

// An instance is a side in a worker.
type instance struct {
	torch *torch
	id    int
}

func (i *instance) run(d time.Duration) (sample, error) {
	var s sample
	err := i.torch.ask(map[string]any{"op": "run", "id": i.id, "seconds": d.Seconds()}, &s)
	return s, err
}

func (i *instance) drop() error {
	return i.torch.ask(map[string]any{"op": "drop", "id": i.id}, &struct{}{})
}

// close ends the worker: it leaves when its input does.
func (t *torch) close() error {
	if err := t.in.Close(); err != nil {
		return fmt.Errorf("end worker: %w", err)
	}
	if err := t.cmd.Wait(); err != nil {
		return fmt.Errorf("end worker: %w", err)
	}
	return nil
}
