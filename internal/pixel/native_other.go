//go:build !amd64

package pixel

func native(string) *Codec { return nil }

func prefetchLines(*byte, int) {}
