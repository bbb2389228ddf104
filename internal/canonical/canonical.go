package canonical

import (
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// maxElements bounds the arrays and maps of a state; fxamacker's default of 131,072
// is below a join window's usual size.
const maxElements = 1 << 28

func encMode() (cbor.EncMode, error) {
	opts := cbor.CoreDetEncOptions()
	opts.ShortestFloat = cbor.ShortestFloatNone
	opts.NaNConvert = cbor.NaNConvertNone
	opts.InfConvert = cbor.InfConvertNone
	return opts.EncMode()
}

// Marshal returns v's canonical bytes.
func Marshal(v any) ([]byte, error) {
	mode, err := encMode()
	if err != nil {
		return nil, fmt.Errorf("cbor options: %w", err)
	}
	return mode.Marshal(v)
}

// Write writes v's canonical bytes to w.
func Write(w io.Writer, v any) error {
	data, err := Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// Unmarshal decodes data, all of it, into v.
func Unmarshal(data []byte, v any) error {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxArrayElements:  maxElements,
		MaxMapPairs:       maxElements,
		MaxNestedLevels:   16,
	}.DecMode()
	if err != nil {
		return fmt.Errorf("cbor options: %w", err)
	}
	return mode.Unmarshal(data, v)
}
