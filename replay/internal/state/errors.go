package state

import "errors"

var (
	// ErrFormat says that a state was written in a format that this program does
	// not read.
	ErrFormat = errors.New("replay: unknown format")
	// ErrCorrupt says that bytes are no state.
	ErrCorrupt = errors.New("replay: corrupt state")
	// ErrState says that a state does not fit the memory's configuration.
	ErrState = errors.New("replay: state does not fit")
)
