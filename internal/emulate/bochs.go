//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const machine = `plugin_ctrl: unmapped=1, biosdev=1, speaker=0
config_interface: textconfig
display_library: term
memory: guest=1024, host=1024
romimage: file="/usr/share/bochs/BIOS-bochs-latest"
vgaromimage: file="/usr/share/bochs/VGABIOS-lgpl-latest"
cpu: model=%[2]s, ips=100000000, reset_on_triple_fault=0
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="%[1]s/boot.iso", status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=%[1]s/serial
log: %[1]s/bochs.log
panic: action=fatal
clock: sync=none
`

// boot runs the emulator until the guest is through, and copies what it says to stdout.
// Each of so many packages must be said to have passed.
func boot(ctx context.Context, dir, cpu string, packages int) error {
	config := filepath.Join(dir, "bochsrc")
	if err := os.WriteFile(config, fmt.Appendf(nil, machine, dir, cpu), 0o644); err != nil {
		return err
	}
	commands := filepath.Join(dir, "commands") // Debian's build stops in a debugger
	if err := os.WriteFile(commands, []byte("continue\n"), 0o644); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The terminal display wants a terminal.
	cmd := exec.CommandContext(ctx, "script", "-qfec", "exec bochs -q -f "+config+" -rc "+commands, os.DevNull)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	said, err := follow(ctx, filepath.Join(dir, "serial"), ended)
	stop()
	switch {
	case err != nil:
		return err
	case said.failed > 0:
		return fmt.Errorf("%d failures", said.failed)
	case said.passed != packages:
		log, _ := os.ReadFile(filepath.Join(dir, "bochs.log"))
		return fmt.Errorf("the tests of %d packages of %d passed; the emulator's last words:\n%s",
			said.passed, packages, log[max(0, len(log)-2000):])
	}
	return nil
}

// verdicts counts what the guest said of packages.
type verdicts struct{ passed, failed int }

// follow copies the serial line until the guest's last word, or until the emulator ended.
func follow(ctx context.Context, path string, ended <-chan error) (v verdicts, err error) {
	var line *bufio.Reader
	over := false
	var rest string
	for {
		if line == nil {
			if file, err := os.Open(path); err == nil {
				defer file.Close()
				line = bufio.NewReader(file)
			}
		}
		for line != nil {
			text, err := line.ReadString('\n')
			rest += text
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return v, err
			}
			said := strings.TrimRight(rest, "\r\n")
			rest = ""
			fmt.Println(said)
			switch {
			case strings.Contains(said, passed):
				v.passed++
			case strings.Contains(said, failed):
				v.failed++
			case strings.Contains(said, theEnd):
				return v, nil
			}
		}
		if over {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("stopped: %w", context.Cause(ctx))
		case <-ended:
			over = true // one more look at what it wrote last
		case <-time.After(200 * time.Millisecond):
		}
	}
}
