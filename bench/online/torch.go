package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

//go:embed loop.py
var loop string

// pyTorch runs the plain loop once, in a process of its own.
func pyTorch(ctx context.Context, name string, o options) (spent, error) {
	cmd := exec.CommandContext(ctx, o.python, "-c", loop, name, o.data, strconv.Itoa(o.rows))
	// torch.set_num_threads does not reach the threads that OpenBLAS has of its own.
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1")
	var out, errw bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errw
	if err := cmd.Run(); err != nil {
		return spent{}, fmt.Errorf("run loop.py: %w: %s", err, bytes.TrimSpace(errw.Bytes()))
	}
	var got struct {
		Wall float64 `json:"wall"`
		CPU  float64 `json:"cpu"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		return spent{}, fmt.Errorf("run loop.py: %w", err)
	}
	return spent{wall: got.Wall, cpu: got.CPU}, nil
}
