package store

import (
	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/sample"
)

// Limits bound what is held.
type Limits struct {
	Capacity  int   // examples
	MaxBytes  int64 // 0 is no bound
	MaxGroups int   // groups told apart; one more is shared by all others
}

// Most bounds the number of examples.
func (l Limits) Most() int {
	if l.MaxBytes > 0 {
		return min(l.Capacity, int(l.MaxBytes/example.LeastSize)+1)
	}
	return l.Capacity
}

// Room reports whether n examples that take so many bytes leave room for one more.
func (l Limits) Room(n, bytes, more int) bool {
	return n < l.Capacity && (l.MaxBytes == 0 || int64(bytes)+int64(more) <= l.MaxBytes)
}

// Exceeds reports whether so many bytes are more than may be.
func (l Limits) Exceeds(bytes int) bool { return l.MaxBytes > 0 && int64(bytes) > l.MaxBytes }

// Places returns the number of places of a sample of n examples and so many bytes, for an
// arrival of so many more.
func (l Limits) Places(s *sample.Uniform, n, bytes, more int) int {
	if l.MaxBytes == 0 {
		return l.Capacity
	}
	return s.Places(n, l.Capacity, l.Room(n, bytes, more))
}
