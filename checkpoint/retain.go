package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/opencontainers/go-digest"
)

// Retain removes versions beyond Config.Keep and older than Config.KeepFor, and
// the blobs that nothing needs then. The newest version always stays; those that
// a channel or tag names stay too, and do not count. Versions with a whole state and
// versions of weights alone are counted apart: the one kind cannot stand in for the
// other. It returns what it removed. The index goes first and the blobs after, so a crash leaves at worst blobs too many.
func (s *Store) Retain(ctx context.Context) ([]Version, error) {
	release, err := s.writable()
	if err != nil {
		return nil, err
	}
	defer release()
	gone := s.expired()
	if err := s.drop(ctx, gone); err != nil {
		return nil, fmt.Errorf("retain: %w", err)
	}
	return gone, nil
}

// expired lists what Retain removes, ascending.
func (s *Store) expired() []Version {
	x := s.index
	if len(x.entries) == 0 {
		return nil
	}
	newest := x.entries[len(x.entries)-1]
	named := map[Version]bool{newest.version: true}
	for _, r := range x.refs {
		named[r.version] = true
	}
	var gone []Version
	kept := map[bool]int{s.weightsOnly(newest): 1}
	for i := len(x.entries) - 2; i >= 0; i-- {
		e := x.entries[i]
		if named[e.version] {
			continue
		}
		old := s.cfg.KeepFor > 0 && newest.logTime.Sub(e.logTime) > s.cfg.KeepFor
		if class := s.weightsOnly(e); kept[class] < s.cfg.Keep && !old {
			kept[class]++
			continue
		}
		gone = append([]Version{e.version}, gone...)
	}
	return gone
}

// weightsOnly reports whether a version is known to hold nothing but weights.
func (s *Store) weightsOnly(e entry) bool {
	m, err := s.manifest(e)
	return err == nil && m.WeightsOnly()
}

// collect removes the blobs that no version of the index and no reader of this
// process needs. While a version cannot be read its blobs cannot be told from
// garbage, and nothing is removed. The caller has the writer's turn.
func (s *Store) collect(ctx context.Context) error {
	roots := map[digest.Digest]entry{}
	for _, e := range s.index.entries {
		roots[e.digest] = e
	}
	// A reader finds a version and pins it in one step under mu, so whatever is
	// not pinned now and not in the index can be found by nobody.
	s.mu.Lock()
	for d := range s.pins {
		if m, ok := s.manifests[d]; ok {
			roots[d] = entry{version: m.Version, digest: d}
		} else if _, ok := roots[d]; !ok {
			s.mu.Unlock()
			return nil // someone is opening a version that just went
		}
	}
	s.mu.Unlock()

	needed := map[string]bool{}
	for d, e := range roots {
		m, err := s.manifest(e)
		if err != nil {
			s.opts.log.Warn("blobs are not collected while a version cannot be read",
				slog.String("version", e.version.String()), slog.Any("reason", err))
			return nil
		}
		needed[d.Encoded()] = true
		needed[m.config.Encoded()] = true
		for _, b := range m.Blobs {
			needed[digest.Digest(b.Stored).Encoded()] = true
		}
	}
	names, err := s.opts.fs.List(s.blobs())
	if err != nil {
		return err
	}
	for _, name := range names {
		if needed[name] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(s.blobs(), name)
		if err := s.opts.hook.Step("checkpoint.collect.remove", func() error { return s.opts.fs.Remove(path) }); err != nil {
			return fmt.Errorf("collect: %w", err)
		}
	}
	s.forget(needed)
	return nil
}

// forget drops what memory holds about blobs that are gone.
func (s *Store) forget(needed map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.proven {
		if !needed[digest.Digest(p.stored).Encoded()] {
			delete(s.proven, p)
		}
	}
	for d := range s.manifests {
		if !needed[d.Encoded()] {
			delete(s.manifests, d)
		}
	}
}
