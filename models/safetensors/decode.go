package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// A header lists the tensors of a file, sorted by place, with no data yet.
type header struct {
	tensors  []Tensor
	bytes    []int64 // of each tensor
	metadata map[string]string
}

// Decode reads one file of at most limit bytes from r, to its end. It returns
// the tensors in the order of their bytes, and the metadata, which may be nil.
// Errors match ErrFormat or ErrTooLarge, or come from r.
func Decode(r io.Reader, limit int64) ([]Tensor, map[string]string, error) {
	h, err := decodeHeader(r, limit)
	if err != nil {
		return nil, nil, err
	}
	buf := make([]byte, chunk)
	for i := range h.tensors {
		if err := readData(r, &h.tensors[i], h.bytes[i], buf); err != nil {
			return nil, nil, fmt.Errorf("tensor %s: %w", h.tensors[i].Name, err)
		}
	}
	// The reader must say that it ends here; it may have checks of its own to
	// fail at its end.
	switch n, err := io.ReadFull(r, buf[:1]); {
	case n > 0:
		return nil, nil, fmt.Errorf("%w: bytes after the last tensor", ErrFormat)
	case err != io.EOF:
		return nil, nil, err
	}
	return h.tensors, h.metadata, nil
}

// short turns the end of a file that should go on into a format error.
func short(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the file ends inside its %s", ErrFormat, what)
	}
	return err
}

func decodeHeader(r io.Reader, limit int64) (*header, error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, short(err, "length")
	}
	n := binary.LittleEndian.Uint64(length[:])
	switch {
	case n > MaxHeader || int64(n)+8 > limit:
		return nil, fmt.Errorf("%w: header of %d bytes, at most %d", ErrTooLarge, n, min(MaxHeader, limit-8))
	case n%8 != 0:
		return nil, fmt.Errorf("%w: header of %d bytes is not padded to 8", ErrFormat, n)
	}
	// Grows with what is there, not with what n claims.
	var raw bytes.Buffer
	if _, err := io.CopyN(&raw, r, int64(n)); err != nil {
		return nil, short(err, "header")
	}
	if raw.Len() == 0 || raw.Bytes()[0] != '{' {
		return nil, fmt.Errorf("%w: header does not start with {", ErrFormat)
	}
	h, err := parseHeader(raw.Bytes())
	if err != nil {
		return nil, err
	}
	if total := h.total(); total > limit-8-int64(n) {
		return nil, fmt.Errorf("%w: %d bytes of data, at most %d", ErrTooLarge, total, limit-8-int64(n))
	}
	return h, nil
}

func (h *header) total() int64 {
	var total int64
	for _, n := range h.bytes {
		total += n
	}
	return total
}

// parseHeader walks the JSON token by token, since a map would hide duplicate
// names.
func parseHeader(raw []byte) (*header, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	h := &header{}
	var entries []entry
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
		}
		name, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("%w: header: %v is no name", ErrFormat, token)
		}
		if seen[name] {
			return nil, fmt.Errorf("%w: %q: duplicate name", ErrFormat, name)
		}
		seen[name] = true
		if name == metadataKey {
			if h.metadata, err = parseMetadata(d); err != nil {
				return nil, err
			}
			continue
		}
		if len(entries) == MaxTensors {
			return nil, fmt.Errorf("%w: over %d tensors", ErrTooLarge, MaxTensors)
		}
		e, err := parseEntry(d, name)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrFormat, err)
	}
	for _, c := range raw[d.InputOffset():] {
		if c != ' ' {
			return nil, fmt.Errorf("%w: header is followed by %q, not by spaces", ErrFormat, c)
		}
	}
	return h, h.place(entries)
}

// expect reads one delimiter.
func expect(d *json.Decoder, want json.Delim, where string) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, where, err)
	}
	if token != want {
		return fmt.Errorf("%w: %s: %v where %v should be", ErrFormat, where, token, want)
	}
	return nil
}

func parseMetadata(d *json.Decoder) (map[string]string, error) {
	if err := expect(d, '{', metadataKey); err != nil {
		return nil, err
	}
	metadata := map[string]string{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrFormat, metadataKey, err)
		}
		value, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrFormat, metadataKey, err)
		}
		k, isKey := key.(string)
		v, isString := value.(string)
		if !isKey || !isString {
			return nil, fmt.Errorf("%w: %s: %q is not a string", ErrFormat, metadataKey, k)
		}
		if _, dup := metadata[k]; dup {
			return nil, fmt.Errorf("%w: %s: %q twice", ErrFormat, metadataKey, k)
		}
		metadata[k] = v
	}
	return metadata, expect(d, '}', metadataKey)
}

// An entry is a tensor with the place of its bytes, [begin, end).
type entry struct {
	tensor     Tensor
	begin, end int64
}

func parseEntry(d *json.Decoder, name string) (entry, error) {
	fail := func(format string, args ...any) (entry, error) {
		return entry{}, fmt.Errorf("%w: %q: %w", ErrFormat, name, fmt.Errorf(format, args...))
	}
	if err := checkName(name); err != nil {
		return fail("%w", err)
	}
	if err := expect(d, '{', name); err != nil {
		return entry{}, err
	}
	var (
		dtype   DType
		shape   []int
		offsets []int64
		fields  = map[string]bool{}
	)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return fail("%w", err)
		}
		field, _ := token.(string)
		if fields[field] {
			return fail("%s twice", field)
		}
		fields[field] = true
		switch field {
		case "dtype":
			err = d.Decode(&dtype)
		case "shape":
			err = d.Decode(&shape)
		case "data_offsets":
			err = d.Decode(&offsets)
		default:
			return fail("unknown field %q", field)
		}
		if err != nil {
			return fail("%s: %w", field, err)
		}
	}
	if err := expect(d, '}', name); err != nil {
		return entry{}, err
	}
	if dtype.Width() == 0 {
		return fail("dtype %q is not F32, I64 or U64", dtype)
	}
	if shape == nil {
		return fail("shape is missing")
	}
	if len(offsets) != 2 || offsets[0] < 0 || offsets[1] < offsets[0] {
		return fail("data_offsets %v are not a begin and an end", offsets)
	}
	n, err := elements(shape)
	if err != nil {
		return fail("%w", err)
	}
	if got := offsets[1] - offsets[0]; got != n*dtype.Width() {
		return fail("%s%v takes %d bytes, data_offsets %v give %d", dtype, shape, n*dtype.Width(), offsets, got)
	}
	return entry{Tensor{Name: name, DType: dtype, Shape: shape}, offsets[0], offsets[1]}, nil
}

// place sorts the tensors by their bytes and holds that these have no gap and no
// overlap.
func (h *header) place(entries []entry) error {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return fmt.Errorf("%w: %q starts at %d, the tensor before it ends at %d", ErrFormat, e.tensor.Name, e.begin, at)
		}
		at = e.end
		h.tensors = append(h.tensors, e.tensor)
		h.bytes = append(h.bytes, e.end-e.begin)
	}
	return nil
}

// readData fills a tensor chunk by chunk, so that its memory grows with the
// bytes that are there.
func readData(r io.Reader, t *Tensor, size int64, buf []byte) error {
	for size > 0 {
		part := buf[:min(int64(len(buf)), size)]
		if _, err := io.ReadFull(r, part); err != nil {
			return short(err, "data")
		}
		size -= int64(len(part))
		switch t.DType {
		case F32:
			for ; len(part) > 0; part = part[4:] {
				t.F32 = append(t.F32, math.Float32frombits(binary.LittleEndian.Uint32(part)))
			}
		case I64:
			for ; len(part) > 0; part = part[8:] {
				t.I64 = append(t.I64, int64(binary.LittleEndian.Uint64(part)))
			}
		case U64:
			for ; len(part) > 0; part = part[8:] {
				t.U64 = append(t.U64, binary.LittleEndian.Uint64(part))
			}
		}
	}
	return nil
}
