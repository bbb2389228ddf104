package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
)

// chunk is how many bytes are converted at a time.
const chunk = 64 << 10

// Encode writes tensors in their order, 8-byte types first so that each tensor
// is aligned to its own width, and metadata by sorted key. It holds no more than
// the header and 64 KiB at a time.
func Encode(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	ordered, err := order(tensors)
	if err != nil {
		return err
	}
	header, err := encodeHeader(ordered, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	buf := make([]byte, 0, chunk)
	for _, t := range ordered {
		if err := writeData(w, t, buf); err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// Size returns how many bytes Encode writes.
func Size(tensors []Tensor, metadata map[string]string) (int64, error) {
	ordered, err := order(tensors)
	if err != nil {
		return 0, err
	}
	header, err := encodeHeader(ordered, metadata)
	if err != nil {
		return 0, err
	}
	size := int64(len(header))
	for _, t := range ordered {
		size += int64(t.len()) * t.DType.Width()
	}
	return size, nil
}

// order checks the tensors and lists them as they lie in the file.
func order(tensors []Tensor) ([]*Tensor, error) {
	if len(tensors) > MaxTensors {
		return nil, fmt.Errorf("%w: %d tensors, at most %d", ErrTensor, len(tensors), MaxTensors)
	}
	names := make(map[string]bool, len(tensors))
	ordered := make([]*Tensor, len(tensors))
	for i := range tensors {
		t := &tensors[i]
		if err := t.check(); err != nil {
			return nil, err
		}
		if names[t.Name] {
			return nil, fmt.Errorf("%w: %s: duplicate name", ErrTensor, t.Name)
		}
		names[t.Name] = true
		ordered[i] = t
	}
	slices.SortStableFunc(ordered, func(a, b *Tensor) int { return int(b.DType.Width() - a.DType.Width()) })
	return ordered, nil
}

// encodeHeader returns the length and the JSON, padded with spaces to 8 bytes.
func encodeHeader(ordered []*Tensor, metadata map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 8, 512))
	b.WriteByte('{')
	comma := func() {
		if b.Len() > 9 {
			b.WriteByte(',')
		}
	}
	if len(metadata) > 0 {
		b.WriteString(`"` + metadataKey + `":{`)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, key)
			b.WriteByte(':')
			writeString(b, metadata[key])
		}
		b.WriteByte('}')
	}
	offset := int64(0)
	for _, t := range ordered {
		comma()
		writeString(b, t.Name)
		b.WriteString(`:{"dtype":"` + string(t.DType) + `","shape":[`)
		for i, d := range t.Shape {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(d))
		}
		end := offset + int64(t.len())*t.DType.Width()
		fmt.Fprintf(b, `],"data_offsets":[%d,%d]}`, offset, end)
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	header := b.Bytes()
	if len(header)-8 > MaxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes, at most %d", ErrTooLarge, len(header)-8, MaxHeader)
	}
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, nil
}

func writeString(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	// A string always encodes, and a bytes.Buffer always takes it.
	_ = enc.Encode(s)
	b.Truncate(b.Len() - 1) // the newline
}

// writeData writes the elements, little-endian, by way of buf.
func writeData(w io.Writer, t *Tensor, buf []byte) error {
	for _, c := range t.chunks {
		if _, err := c.WriteTo(w); err != nil {
			return err
		}
	}
	if t.chunks != nil {
		return nil
	}
	width := int(t.DType.Width())
	per := chunk / width
	for from, n := 0, t.len(); from < n; from += per {
		to := min(from+per, n)
		buf = buf[:0]
		switch t.DType {
		case F32:
			for _, v := range t.F32[from:to] {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
			}
		case I64:
			for _, v := range t.I64[from:to] {
				buf = binary.LittleEndian.AppendUint64(buf, uint64(v))
			}
		case U64:
			for _, v := range t.U64[from:to] {
				buf = binary.LittleEndian.AppendUint64(buf, v)
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
