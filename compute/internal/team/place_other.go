//go:build !linux || !(amd64 || arm64)

package team

// processor cannot tell.
func processor() int { return -1 }

// leave is never called.
func leave(int) {}
