//go:build !linux

package embedded

func memoryRoot() string { return "" }
