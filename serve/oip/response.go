package oip

import (
	"encoding/json"
	"strconv"
)

// An Output is one output tensor. Exactly one of the data fields is set, and its
// length is the product of Shape.
type Output struct {
	Name   string
	Shape  [2]int // a second dimension of 0 means that there is one dimension only
	FP32   []float32
	INT64  []int64
	UINT64 []uint64
	BYTES  []string
}

func (o *Output) datatype() string {
	switch {
	case o.FP32 != nil:
		return "FP32"
	case o.INT64 != nil:
		return "INT64"
	case o.UINT64 != nil:
		return "UINT64"
	}
	return "BYTES"
}

// A Response is the answer to a Request.
type Response struct {
	Model   string
	Version string // left out if empty
	ID      string
	HasID   bool
	// Parameters is a JSON object, or empty.
	Parameters []byte
	Outputs    []Output
}

// AppendResponse appends the JSON of resp. FP32 elements must be finite; each is
// written with the fewest digits that read back as the same float32.
func AppendResponse(dst []byte, resp *Response) []byte {
	dst = append(dst, `{"model_name":`...)
	dst = AppendString(dst, resp.Model)
	if resp.Version != "" {
		dst = append(dst, `,"model_version":`...)
		dst = AppendString(dst, resp.Version)
	}
	if resp.HasID {
		dst = append(dst, `,"id":`...)
		dst = AppendString(dst, resp.ID)
	}
	if len(resp.Parameters) > 0 {
		dst = append(dst, `,"parameters":`...)
		dst = append(dst, resp.Parameters...)
	}
	dst = append(dst, `,"outputs":[`...)
	for i := range resp.Outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = resp.Outputs[i].append(dst)
	}
	return append(dst, `]}`...)
}

func (o *Output) append(dst []byte) []byte {
	dst = append(dst, `{"name":`...)
	dst = AppendString(dst, o.Name)
	dst = append(dst, `,"datatype":"`...)
	dst = append(dst, o.datatype()...)
	dst = append(dst, `","shape":[`...)
	dst = strconv.AppendInt(dst, int64(o.Shape[0]), 10)
	if o.Shape[1] > 0 {
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(o.Shape[1]), 10)
	}
	dst = append(dst, `],"data":[`...)
	for i, v := range o.FP32 {
		dst = AppendFloat(comma(dst, i), v)
	}
	for i, v := range o.INT64 {
		dst = strconv.AppendInt(comma(dst, i), v, 10)
	}
	for i, v := range o.UINT64 {
		dst = strconv.AppendUint(comma(dst, i), v, 10)
	}
	for i, v := range o.BYTES {
		dst = AppendString(comma(dst, i), v)
	}
	return append(dst, `]}`...)
}

func comma(dst []byte, i int) []byte {
	if i > 0 {
		return append(dst, ',')
	}
	return dst
}

// AppendFloat appends a finite v with the fewest digits that read back as v.
func AppendFloat(dst []byte, v float32) []byte {
	return strconv.AppendFloat(dst, float64(v), 'g', -1, 32)
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if ch := s[i]; ch < 0x20 || ch >= 0x7f || ch == '"' || ch == '\\' {
			quoted, _ := json.Marshal(s) // a string always has an encoding
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// ServerMetadata answers GET /v2.
type ServerMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// ModelMetadata answers GET /v2/models/{model}.
type ModelMetadata struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions,omitempty"`
	Platform string           `json:"platform"`
	Inputs   []TensorMetadata `json:"inputs"`
	Outputs  []TensorMetadata `json:"outputs"`
}

// TensorMetadata describes one tensor; -1 stands for a free dimension.
type TensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

// ModelReady answers GET /v2/models/{model}/ready.
type ModelReady struct {
	Name  string `json:"name"`
	Ready bool   `json:"ready"`
}
