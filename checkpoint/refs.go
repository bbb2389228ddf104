package checkpoint

import (
	"fmt"
)

// SetChannel points a channel at a stored version, durably: promotion and
// rollback are this and nothing else. ErrNotFound if the version is not stored,
// ErrInvalid if the name is no name or is a tag's.
func (s *Store) SetChannel(name string, v Version) error {
	return s.setRefs(kindChannel, map[string]Version{name: v})
}

// SetChannels points several channels in one commit: all of them move or none.
func (s *Store) SetChannels(channels map[string]Version) error {
	return s.setRefs(kindChannel, channels)
}

// Tag pins a version under a free name, such as "rollback-1200". A tag may move.
// Errors as for SetChannel.
func (s *Store) Tag(name string, v Version) error {
	return s.setRefs(kindTag, map[string]Version{name: v})
}

func (s *Store) setRefs(k kind, names map[string]Version) error {
	release, err := s.writable()
	if err != nil {
		return err
	}
	defer release()
	next, moved := s.index.clone(), false
	for name, v := range names {
		if err := checkRef(name); err != nil {
			return err
		}
		if was, ok := next.refs[name]; ok && was.kind != k {
			return fmt.Errorf("%w: name %q: is a %s", ErrInvalid, name, was.kind)
		}
		if _, ok := next.find(v); !ok {
			return fmt.Errorf("%s %s to %s: %w", k, name, v, ErrNotFound)
		}
		moved = moved || next.refs[name] != (ref{k, v})
		next.refs[name] = ref{k, v}
	}
	if !moved {
		return nil
	}
	return s.commit(next)
}

// Untag removes a tag; the version stays until retention takes it. ErrNotFound
// if there is no such tag.
func (s *Store) Untag(name string) error {
	release, err := s.writable()
	if err != nil {
		return err
	}
	defer release()
	if r, ok := s.index.refs[name]; !ok || r.kind != kindTag {
		return fmt.Errorf("untag %q: %w", name, ErrNotFound)
	}
	next := s.index.clone()
	delete(next.refs, name)
	return s.commit(next)
}

// Channel returns the version that a channel names, or ErrNotFound.
func (s *Store) Channel(name string) (Version, error) {
	x, err := s.snapshot()
	if err != nil {
		return 0, err
	}
	r, ok := x.refs[name]
	if !ok || r.kind != kindChannel {
		return 0, fmt.Errorf("channel %q: %w", name, ErrNotFound)
	}
	return r.version, nil
}

// Channels returns what each channel names.
func (s *Store) Channels() (map[string]Version, error) { return s.refsOf(kindChannel) }

// Tags returns what each tag names.
func (s *Store) Tags() (map[string]Version, error) { return s.refsOf(kindTag) }

func (s *Store) refsOf(k kind) (map[string]Version, error) {
	x, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	names := map[string]Version{}
	for name, r := range x.refs {
		if r.kind == k {
			names[name] = r.version
		}
	}
	return names, nil
}
