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

var datatypes = map[string]datatype{
	"FP16": number, "BF16": number, "FP32": number, "FP64": number,
	"INT8": integer, "INT16": integer, "INT32": integer, "INT64": integer,
	"UINT8": integer, "UINT16": integer, "UINT32": integer, "UINT64": integer,
	"BOOL": boolean, "BYTES": bytesType,
}

// checkTokens refuses elements that are not of the tensor's datatype. A null is a
// missing value in any of them.
func (r *Request) checkTokens(in *Input, class datatype, field string) error {
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
			ok = (ch == '-' || isDigit(ch)) && bytes.IndexAny(raw, ".eE") < 0
		}
		if !ok {
			return &Error{CodeTensor, field, fmt.Sprintf("must hold elements of datatype %s", in.Datatype)}
		}
	}
	return nil
}
