//go:build !amd64

package lanes

func native(string) *Set { return nil }
