package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
)

// damage breaks the newest version of one model, while no learner lives: a byte of a
// blob flips, the blob is cut short or lost, or a byte of the index flips. Only a blob
// that no other version shares is broken, so that there is something to fall back to.
// It returns what was done, "" if there was nothing to break.
func (s *sightings) damage() (string, error) {
	m := s.set.config.Models[s.rng.IntN(len(s.set.config.Models))]
	list, tags, err := s.list(m)
	if err != nil {
		return "", err
	}
	dir := s.set.config.Folder(m.Name)
	// An index falls back to the one before it, which lacks a tag set just now: a
	// rollback would then lose its version, and that is two faults at once.
	if s.rng.IntN(4) == 0 && len(list) > 1 && !s.fresh[m.Name] {
		return "flipped byte in the index", alter(filepath.Join(dir, "index.json"), s.flip)
	}
	var newest *checkpoint.Manifest
	shared := map[string]int{}
	for i := range list {
		if newest == nil && machine.Resumable(&list[i]) {
			newest = &list[i]
		}
		for _, b := range list[i].Blobs {
			shared[b.Stored]++
		}
	}
	if newest == nil || len(list) < 2 || s.broken(m.Name, uint64(newest.Version)) {
		return "", nil
	}
	for _, v := range tags {
		if v == newest.Version {
			return "", nil
		}
	}
	var own []checkpoint.BlobInfo
	for _, b := range newest.Blobs {
		if shared[b.Stored] == 1 {
			own = append(own, b)
		}
	}
	if len(own) == 0 {
		return "", nil
	}
	b := own[s.rng.IntN(len(own))]
	file := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(b.Stored, "sha256:"))
	what := ""
	switch s.rng.IntN(3) {
	case 0:
		what, err = "flipped byte in a blob", alter(file, s.flip)
	case 1:
		what, err = "blob cut short", alter(file, func(d []byte) []byte { return d[:s.rng.IntN(len(d))] })
	default:
		what, err = "blob lost", os.Remove(file)
	}
	if err != nil {
		return "", fmt.Errorf("damage version %s of %s: %w", newest.Version, m.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged[m.Name][uint64(newest.Version)] = true
	s.await[m.Name] = uint64(newest.Version)
	return what, nil
}

func (s *sightings) flip(d []byte) []byte {
	d[s.rng.IntN(len(d))] ^= byte(1 << s.rng.IntN(8))
	return d
}

func alter(file string, change func([]byte) []byte) error {
	d, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, change(d), 0o644)
}
