//go:build !unix

package durable

import (
	"errors"
	"fmt"
	"io"
)

// Lock implements FS. Without flock(2) a lock could outlive a crash, so it is
// refused rather than imitated.
func (OS) Lock(name string) (io.Closer, error) {
	return nil, fmt.Errorf("lock %s: %w", name, errors.ErrUnsupported)
}
