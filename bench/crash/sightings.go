package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/cmd/learner/config"
	"github.com/perennial-ml/perennial/cmd/learner/machine"
)

// sightings are the durable versions that were seen between the learner's lives, and
// what the harness did to them.
type sightings struct {
	set   setting
	quiet *slog.Logger
	rng   *rand.Rand

	hashes map[string]map[uint64]string // by model and version: the state hash
	tags   map[string]int               // by model: tags at the last look
	fresh  map[string]bool              // by model: a tag was set since the look before

	mu      sync.Mutex // of what follows; the operator's goroutine reads it
	damaged map[string]map[uint64]bool
	await   map[string]uint64 // by model: a damaged version that must not be restored
	fell    int               // restores that passed over it
}

func newSightings(set setting, quiet *slog.Logger, seed uint64) *sightings {
	s := &sightings{
		set: set, quiet: quiet, rng: rand.New(rand.NewPCG(seed, 1<<32)),
		hashes: map[string]map[uint64]string{}, tags: map[string]int{}, fresh: map[string]bool{},
		damaged: map[string]map[uint64]bool{}, await: map[string]uint64{},
	}
	for _, m := range set.config.Models {
		s.hashes[m.Name] = map[uint64]string{}
		s.damaged[m.Name] = map[uint64]bool{}
	}
	return s
}

// note holds a state against what was seen at the same position before.
func (s *sightings) note(model string, position uint64, hash string, r *report, what string) {
	was, seen := s.hashes[model][position]
	if seen && was != hash {
		r.differing++
		r.violate("model %s at %d: %s has state %s, and %s was seen there before", model, position, what, hash, was)
		return
	}
	s.hashes[model][position] = hash
}

// look notes the versions that are in the stores now.
func (s *sightings) look(r *report) error {
	for _, m := range s.set.config.Models {
		list, tags, err := s.list(m)
		if err != nil {
			return err
		}
		s.fresh[m.Name] = len(tags) != s.tags[m.Name]
		s.tags[m.Name] = len(tags)
		for _, v := range list {
			if machine.Resumable(&v) {
				s.note(m.Name, uint64(v.Version), v.StateHash, r, "a version")
			}
		}
	}
	return nil
}

// list returns a stopped store's versions, the newest first, and its tags.
func (s *sightings) list(m config.Model) ([]checkpoint.Manifest, map[string]checkpoint.Version, error) {
	store, err := machine.OpenStoreReader(s.set.config, m, s.quiet)
	if errors.Is(err, checkpoint.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	list, err := store.Versions()
	if err != nil {
		return nil, nil, fmt.Errorf("list versions of %s: %w", m.Name, err)
	}
	slices.SortFunc(list, func(a, b checkpoint.Manifest) int { return int(int64(b.Version) - int64(a.Version)) })
	tags, err := store.Tags()
	if err != nil {
		return nil, nil, fmt.Errorf("list tags of %s: %w", m.Name, err)
	}
	return list, tags, nil
}

// broken reports whether the harness ever damaged a version.
func (s *sightings) broken(model string, v uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damaged[model][v]
}

// check holds what a life restored against what was damaged before it.
func (s *sightings) check(l *life, r *report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for model, v := range l.restored() {
		bad, waiting := s.await[model]
		if !waiting {
			continue
		}
		delete(s.await, model)
		if v == bad {
			r.violate("model %s: version %d was restored although it is damaged", model, v)
			continue
		}
		s.fell++
	}
}
