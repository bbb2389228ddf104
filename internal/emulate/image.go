//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// bootLines tell the guest's kernel to talk over the serial line. Bochs' models contradict
// themselves about the compact forms of XSAVE (bits 321 and 323), over which Linux would
// give up on wide registers altogether.
const bootLines = `DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
 KERNEL vmlinuz
 APPEND initrd=initrd console=ttyS0,115200 mitigations=off clearcpuid=321,323 tsc=reliable quiet panic=-1
`

// image makes dir/boot.iso of a kernel and of what the guest runs: host paths by names.
func image(ctx context.Context, dir, kernel string, files map[string]string) error {
	root := filepath.Join(dir, "iso")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	initrd, err := archive(files)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"initrd": initrd, "isolinux.cfg": []byte(bootLines)} {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{
		"vmlinuz":      kernel,
		"isolinux.bin": "/usr/lib/ISOLINUX/isolinux.bin",
		"ldlinux.c32":  "/usr/lib/syslinux/modules/bios/ldlinux.c32",
	} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-o", filepath.Join(dir, "boot.iso"),
		"-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", root)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("xorriso: %w\n%s", err, out)
	}
	return nil
}

// archive returns the files, executable, and the folders that the guest mounts to, as the
// cpio archive (format newc) that the kernel unpacks.
func archive(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	inode := 0
	entry := func(name string, mode int, data []byte) {
		inode++
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
		b.WriteString(name + "\x00")
		pad(&b)
		b.Write(data)
		pad(&b)
	}
	const folder, program = 0o040755, 0o100755
	for _, name := range []string{"dev", "proc", "tests", "tmp"} {
		entry(name, folder, nil)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data, err := os.ReadFile(files[name])
		if err != nil {
			return nil, err
		}
		entry(name, program, data)
	}
	entry("TRAILER!!!", 0, nil)
	return b.Bytes(), nil
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

// findKernel returns the newest kernel for virtual machines in /boot, or else Debian's.
func findKernel(ctx context.Context, dir string) (string, error) {
	const pattern = "boot/vmlinuz-*-cloud-amd64"
	if found, _ := filepath.Glob("/" + pattern); len(found) > 0 {
		return found[len(found)-1], nil
	}
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", "linux-image-cloud-amd64").Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache: %w", err)
	}
	_, name, ok := strings.Cut(string(out), "Depends: linux-image-")
	if !ok {
		return "", fmt.Errorf("apt-cache knows no linux-image-cloud-amd64: apt-get update")
	}
	name, _, _ = strings.Cut(name, "\n")
	fetch := exec.CommandContext(ctx, "apt-get", "download", "linux-image-"+name)
	fetch.Dir = dir
	if out, err := fetch.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download: %w\n%s", err, out)
	}
	packages, _ := filepath.Glob(filepath.Join(dir, "linux-image-*.deb"))
	if len(packages) != 1 {
		return "", fmt.Errorf("apt-get fetched %d packages", len(packages))
	}
	if out, err := exec.CommandContext(ctx, "dpkg-deb", "-x", packages[0], filepath.Join(dir, "kernel")).CombinedOutput(); err != nil {
		return "", fmt.Errorf("dpkg-deb: %w\n%s", err, out)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "kernel", pattern))
	if len(found) != 1 {
		return "", fmt.Errorf("%s holds no kernel", filepath.Base(packages[0]))
	}
	return found[0], nil
}
