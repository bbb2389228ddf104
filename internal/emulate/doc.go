//go:build linux

// Command emulate runs the tests of packages on a processor that this machine may not
// have: Bochs' model of one with AVX-512, under a Linux that runs nothing but the tests.
//
//	go test -c ─▶ initrd: this program as init, the tests ─┐
//	Debian's kernel ───────────────────────────────────────┴▶ ISO ─▶ Bochs ─▶ serial line ─▶ stdout
//
// It is for the kernels of AVX-512, whose bits the tests hold against the portable ones.
// It needs Debian's packages bochs, bochs-term, bochsbios, vgabios, isolinux,
// syslinux-common and xorriso, and a kernel: one of linux-image-cloud-amd64, from /boot
// or fetched with apt-get. A second of this processor is about a minute there.
//
//	make avx512
//	go run ./internal/emulate -run Products ./compute/internal/kernel
//
// # Invariants
//
//   - It exits with 0 exactly if the guest said of every package that its tests passed.
//
// # Concurrency
//
// One emulator at a time, in a folder of its own; an interrupt ends it.
package main
