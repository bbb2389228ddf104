package oip

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

// width takes the name of an integer data type apart: INT or UINT, and its bits.
func width(name string) (bits int, unsigned bool) {
	name, unsigned = strings.CutPrefix(name, "U")
	switch name {
	case "INT8":
		return 8, unsigned
	case "INT16":
		return 16, unsigned
	case "INT32":
		return 32, unsigned
	}
	return 64, unsigned
}

// inRange reports whether a token is a whole number that an integer data type holds.
func inRange(name string, raw []byte) bool {
	bits, unsigned := width(name)
	var err error
	if unsigned {
		_, err = strconv.ParseUint(string(raw), 10, bits)
	} else {
		_, err = strconv.ParseInt(string(raw), 10, bits)
	}
	return err == nil
}

// rule says what the elements of a data type must be.
func rule(name string, class datatype) string {
	text := "must hold elements of datatype " + name
	if class != integer {
		return text
	}
	bits, unsigned := width(name)
	if unsigned {
		return fmt.Sprintf("%s: whole numbers from 0 to %d", text, uint64(math.MaxUint64)>>(64-bits))
	}
	return fmt.Sprintf("%s: whole numbers from %d to %d", text, int64(math.MinInt64)>>(64-bits), int64(math.MaxInt64)>>(64-bits))
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
			ok = inRange(in.Datatype, raw)
		}
		if !ok {
			return &Error{CodeTensor, inputField(at, "data"), rule(in.Datatype, class)}
		}
	}
	return nil
}
