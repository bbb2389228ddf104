package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

var (
	// ErrFormat is returned for a file that is not what its name says.
	ErrFormat = errors.New("data: malformed file")
	// ErrMissing is returned if the files of a data set are not in the folder.
	ErrMissing = errors.New("data: files are missing")
	// ErrHash is returned for a file whose hash is not the pinned one.
	ErrHash = errors.New("data: hash differs from the pinned one")
)

// Bounds of what is read.
const (
	maxContent = 1 << 30 // bytes of one file, uncompressed
	maxValues  = 1 << 28 // numbers of one set
	maxColumns = 1 << 14
	maxLine    = 1 << 20 // bytes of one line
	maxNames   = 1 << 20 // different values of one category
)

// open returns a file's content, uncompressed if it is gzip, and bounded.
func open(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := content(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", path, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

// content uncompresses what begins as gzip does, and bounds what comes out.
func content(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return &bounded{r: z, left: maxContent}, nil
	}
	return &bounded{r: b, left: maxContent}, nil
}

// bounded fails, rather than ends, at its bound.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("%w: longer than %d bytes", ErrFormat, maxContent)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// hashes returns the SHA-256 of a file as it lies there, and of its content.
func hashes(path string) (file, inside string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	whole, plain := sha256.New(), sha256.New()
	tee := io.TeeReader(f, whole)
	r, err := content(tee)
	if err != nil {
		return "", "", fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := io.Copy(plain, r); err != nil {
		return "", "", fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return "", "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(whole.Sum(nil)), hex.EncodeToString(plain.Sum(nil)), nil
}
