package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// The IDX format, as on the page of MNIST: two zero bytes, the type of the elements, the
// number of dimensions, the size of each as a big-endian 32-bit integer, then the
// elements, the last dimension fastest.
const idxUnsignedByte = 0x08

// readIDX reads an IDX file of unsigned bytes with that many dimensions.
func readIDX(r io.Reader, dimensions int) (sizes []int, elements []byte, err error) {
	head := make([]byte, 4+4*dimensions)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("%w: IDX header: %w", ErrFormat, err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != idxUnsignedByte || int(head[3]) != dimensions {
		return nil, nil, fmt.Errorf("%w: IDX magic is %x, must be %x", ErrFormat, head[:4], []byte{0, 0, idxUnsignedByte, byte(dimensions)})
	}
	n := 1
	for i := range dimensions {
		size := int(binary.BigEndian.Uint32(head[4+4*i:]))
		if size < 1 || size > maxValues/n {
			return nil, nil, fmt.Errorf("%w: IDX dimension %d is %d, must be at least 1, and all at most %d elements", ErrFormat, i, size, maxValues)
		}
		sizes = append(sizes, size)
		n *= size
	}
	// What is there decides how much is allocated, not what the header says.
	var b bytes.Buffer
	got, err := io.Copy(&b, io.LimitReader(r, int64(n)+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: IDX elements: %w", ErrFormat, err)
	}
	if got != int64(n) {
		return nil, nil, fmt.Errorf("%w: IDX has %d or more elements, its header says %d", ErrFormat, got, n)
	}
	return sizes, b.Bytes(), nil
}

// images reads a file of images and one of their labels.
func images(name, imagePath, labelPath string, classes int) (*Set, error) {
	pixels, err := readFile(imagePath, func(r io.Reader) (*Set, error) {
		sizes, elements, err := readIDX(r, 3)
		if err != nil {
			return nil, err
		}
		return &Set{Height: sizes[1], Width: sizes[2], Pixels: elements}, nil
	})
	if err != nil {
		return nil, err
	}
	s, err := readFile(labelPath, func(r io.Reader) (*Set, error) {
		_, elements, err := readIDX(r, 1)
		if err != nil {
			return nil, err
		}
		s := &Set{Name: name, Classes: classes, Height: pixels.Height, Width: pixels.Width, Pixels: pixels.Pixels}
		for _, c := range elements {
			s.Targets = append(s.Targets, float32(c))
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return s, s.check()
}

// readFile opens a file for read, and names it in the error.
func readFile(path string, read func(io.Reader) (*Set, error)) (*Set, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}
