package oip

import (
	"bytes"
	"fmt"
)

// datatype is a family of the protocol's tensor data types.
type datatype uint8

const (
	number datatype = iota + 1
	integer
	boolean
	bytesType
)

// classOf returns the family of a data type's name, and whether there is one.
func classOf(name string) (datatype, bool) {
	switch name {
	case "FP16", "BF16", "FP32", "FP64":
		return number, true
	case "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64":
		return integer, true
	case "BOOL":
		return boolean, true
	case "BYTES":
		return bytesType, true
	}
	return 0, false
}

// intern returns a data type's name, without a copy for the usual ones.
func intern(raw []byte) string {
	switch string(raw) {
	case "FP32":
		return "FP32"
	case "FP64":
		return "FP64"
	case "INT64":
		return "INT64"
	case "INT32":
		return "INT32"
	case "BYTES":
		return "BYTES"
	}
	return string(raw)
}

// checkTokens refuses elements that are not of the tensor's datatype. A null is a
// missing value in any of them.
func (r *Request) checkTokens(in *Input, class datatype, at int) error {
	for _, t := range r.tokens[in.lo:in.hi] {
		raw := r.body[t.from:t.to]
		ok := false
		switch ch := raw[0]; {
		case ch == 'n':
			ok = true
		case class == bytesType:
			ok = ch == '"'
		case class == boolean:
			ok = ch == 't' || ch == 'f'
		case class == number:
			ok = ch == '-' || isDigit(ch)
		case class == integer:
			ok = (ch == '-' || isDigit(ch)) && !bytes.ContainsAny(raw, ".eE")
		}
		if !ok {
			return &Error{CodeTensor, inputField(at, "data"), fmt.Sprintf("must hold elements of datatype %s", in.Datatype)}
		}
	}
	return nil
}
