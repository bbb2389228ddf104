package part

import (
	"fmt"

	"github.com/perennial-ml/perennial/internal/canonical"
	"github.com/perennial-ml/perennial/replay"
)

// A Reader returns the bytes of the part of a name.
type Reader func(name string) ([]byte, error)

// Restore has restore read the part of a name.
func (read Reader) Restore(name string, restore func([]byte) error) error {
	data, err := read(name)
	if err != nil {
		return err
	}
	if err := restore(data); err != nil {
		return fmt.Errorf("restore %s: %w", name, err)
	}
	return nil
}

// CBOR reads what CBOR wrote.
func (read Reader) CBOR(name string, document any) error {
	return read.Restore(name, func(data []byte) error { return canonical.Unmarshal(data, document) })
}

// Memory reads what Memory wrote, and reports the first example that check refuses: a
// memory knows no shapes.
func (read Reader) Memory(name string, m replay.Memory, check func(*replay.Example) error) error {
	return read.Restore(name, func(head []byte) error {
		state, err := replay.Join(head, func(suffix string) ([]byte, error) { return read(name + suffix) })
		if err != nil {
			return err
		}
		if err := m.Restore(state); err != nil {
			return err
		}
		var misfit error
		m.Remove(func(ex *replay.Example) bool {
			if misfit == nil {
				misfit = check(ex)
			}
			return false
		})
		return misfit
	})
}
