//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package embedded

import (
	"errors"
	"fmt"
)

type dirLock struct{}

// lockDir refuses: without a lock that dies with its process, two embedded servers
// could write into one folder.
func lockDir(dir string) (*dirLock, error) {
	return nil, fmt.Errorf("%s: an embedded log needs flock, which this system lacks; set url instead: %w",
		dir, errors.ErrUnsupported)
}

func (l *dirLock) release() error { return nil }
