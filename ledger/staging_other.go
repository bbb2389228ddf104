//go:build !linux

package ledger

func memoryRoot() string { return "" }
