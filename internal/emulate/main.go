//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if os.Getpid() == 1 {
		guest()
		return
	}
	var opt options
	flag.StringVar(&opt.kernel, "kernel", "", "Linux kernel; by default the newest cloud kernel of /boot, or Debian's, fetched")
	flag.StringVar(&opt.cpu, "cpu", "corei7_skylake_x", "one of Bochs' models (bochs --help cpu)")
	flag.StringVar(&opt.run, "run", "", "run the tests that match, as go test -run; all by default")
	flag.DurationVar(&opt.limit, "limit", 2*time.Hour, "give up after so long")
	flag.Parse()
	opt.packages = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := emulate(ctx, opt); err != nil {
		fmt.Fprintln(os.Stderr, "emulate:", err)
		os.Exit(1)
	}
}

type options struct {
	kernel, cpu, run string
	limit            time.Duration
	packages         []string
}

// emulate boots the guest and follows what it says.
func emulate(ctx context.Context, opt options) error {
	if len(opt.packages) == 0 {
		return errors.New("name at least one package to test")
	}
	for _, tool := range []string{"bochs", "xorriso", "script"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: apt-get install bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso bsdutils", tool)
		}
	}
	dir, err := os.MkdirTemp("", "perennial-emulate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if opt.kernel == "" {
		if opt.kernel, err = findKernel(ctx, dir); err != nil {
			return fmt.Errorf("find a kernel (name one with -kernel): %w", err)
		}
	}
	files, err := compile(ctx, dir, opt)
	if err != nil {
		return err
	}
	if err := image(ctx, dir, opt.kernel, files); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, opt.limit)
	defer cancel()
	return boot(ctx, dir, opt.cpu, len(opt.packages))
}

// compile builds the guest's files: this program as init, and a test binary for each
// package, in their order.
func compile(ctx context.Context, dir string, opt options) (map[string]string, error) {
	files := map[string]string{"init": filepath.Join(dir, "init")}
	if err := build(ctx, "build", "-ldflags=-s -w", "-o", files["init"], "github.com/perennial-ml/perennial/internal/emulate"); err != nil {
		return nil, err
	}
	for i, p := range opt.packages {
		name := fmt.Sprintf("tests/%02d-%s.test", i, filepath.Base(p))
		files[name] = filepath.Join(dir, strconv.Itoa(i)+".test")
		if err := build(ctx, "test", "-c", "-o", files[name], p); err != nil {
			return nil, err
		}
	}
	pattern := filepath.Join(dir, "pattern")
	files["pattern"] = pattern
	return files, os.WriteFile(pattern, []byte(opt.run), 0o644)
}

// build calls go for a binary that needs no library of the guest.
func build(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}
