package models

import "errors"

var (
	// ErrSpec says that a Spec cannot be built; the text names field and rule.
	ErrSpec = errors.New("models: invalid spec")
	// ErrBatch says that a batch does not fit the spec, or breaks a rule of Batch.
	ErrBatch = errors.New("models: invalid batch")
	// ErrNonFinite says that an input, a loss, a gradient or a prediction holds a NaN
	// or an infinity. Parameters are untouched: drop the batch and go on.
	ErrNonFinite = errors.New("models: not finite")
	// ErrParams says that two lists of parameters differ in names or shapes.
	ErrParams = errors.New("models: parameters do not fit")
)
