//go:build !amd64

package kernel

func native(string) *Set { return nil }
