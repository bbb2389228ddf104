package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

const maxSuite = 1 << 20 // bytes

// ErrSuite is returned for a suite that cannot be read or breaks a rule.
var ErrSuite = errors.New("protocol: invalid suite")

// Read reads a suite; name stands for it in errors.
func Read(name string, r io.Reader) (s Suite, err error) {
	// The parser is not ours, and input that nobody thought of may panic it.
	defer func() {
		if p := recover(); p != nil {
			s, err = Suite{}, fmt.Errorf("%w: %s: is not YAML that can be read", ErrSuite, name)
		}
	}()
	raw, err := io.ReadAll(io.LimitReader(r, maxSuite+1))
	if err != nil {
		return Suite{}, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > maxSuite {
		return Suite{}, fmt.Errorf("%w: %s: must be at most %d bytes long", ErrSuite, name, maxSuite)
	}
	if err := yaml.NewDecoder(bytes.NewReader(raw), yaml.Strict()).Decode(&s); err != nil {
		return Suite{}, fmt.Errorf("%w: %s: %s", ErrSuite, name, yaml.FormatError(err, false, false))
	}
	s = s.WithDefaults()
	if err := s.Validate(); err != nil {
		return Suite{}, fmt.Errorf("%w: %s: %w", ErrSuite, name, err)
	}
	return s, nil
}

// Open reads a suite by its name in shipped, or by the path of a file.
func Open(shipped fs.FS, name string) (Suite, error) {
	var f fs.File
	var err error
	if word(name) {
		f, err = shipped.Open(name + ".yaml")
	} else {
		f, err = os.Open(name)
	}
	if err != nil {
		names, lerr := Names(shipped)
		return Suite{}, errors.Join(fmt.Errorf("suite %q: must be a file, or one of %s: %w", name, strings.Join(names, ", "), err), lerr)
	}
	defer f.Close()
	return Read(name, f)
}

// Names lists the shipped suites.
func Names(shipped fs.FS) ([]string, error) {
	files, err := fs.Glob(shipped, "*.yaml")
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files, err
}
