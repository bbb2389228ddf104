//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// What the guest says when a package is through, and at the end.
const (
	passed  = "emulate: passed "
	failed  = "emulate: failed "
	theEnd  = "emulate: the end"
	console = "/dev/ttyS0"
)

// guest is the first process of the emulated machine: it runs the tests, says what
// became of them, and turns the machine off.
func guest() {
	mounts := []struct{ kind, at string }{{"proc", "/proc"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}}
	for _, m := range mounts {
		_ = os.MkdirAll(m.at, 0o755)
		if err := syscall.Mount(m.kind, m.at, m.kind, 0, ""); err != nil {
			fmt.Println("emulate: mount", m.at, err)
		}
	}
	var out io.Writer = os.Stdout
	if line, err := os.OpenFile(console, os.O_WRONLY, 0); err == nil {
		out = line
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err != nil || !bytes.Contains(info, []byte("avx512vl")) {
		fmt.Fprintln(out, failed+"the kernel shows no AVX-512", err)
	} else {
		runTests(out)
	}
	fmt.Fprintln(out, theEnd)
	time.Sleep(time.Second) // the line is slow
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

func runTests(out io.Writer) {
	tests, err := filepath.Glob("/tests/*.test")
	if err != nil {
		fmt.Fprintln(out, failed, err)
		return
	}
	pattern, err := os.ReadFile("/pattern")
	if err != nil {
		fmt.Fprintln(out, failed, err)
		return
	}
	for _, t := range tests {
		cmd := exec.Command(t, "-test.v", "-test.short", "-test.timeout=0", "-test.run="+string(pattern))
		cmd.Dir = "/tmp"
		cmd.Env = []string{"HOME=/tmp", "PATH=/"}
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(out, "%s%s: %v\n", failed, filepath.Base(t), err)
			continue
		}
		fmt.Fprintln(out, passed+filepath.Base(t))
	}
}
