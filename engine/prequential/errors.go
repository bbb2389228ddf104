package prequential

import "errors"

// ErrState says that bytes are no snapshot of this package, or one that does not fit the
// configuration.
var ErrState = errors.New("prequential: invalid state")
