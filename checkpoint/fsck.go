package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/perennial-ml/perennial/internal/durable"
)

// A Report is what Fsck found.
type Report struct {
	Versions int       `json:"versions"`
	Blobs    int       `json:"blobs"` // distinct ones that versions refer to
	Bytes    int64     `json:"bytes"` // of those, as stored
	Problems []Problem `json:"problems,omitempty"`
	// Orphans are files among the blobs that nothing refers to: left by a crash,
	// and removed by the next Retain.
	Orphans []string `json:"orphans,omitempty"`
}

// A Problem is one damage. File is relative to the store; Versions are those
// that it makes unreadable, ascending.
type Problem struct {
	File     string    `json:"file"`
	Versions []Version `json:"versions,omitempty"`
	Reason   string    `json:"reason"`
}

// OK says that nothing is damaged.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Fsck reads every byte of the store and reports all damage, changing nothing.
// progress, if not nil, hears how many stored bytes of how many are done. The
// error is not about damage: ctx's, or ErrCorrupt if no index can be read.
func (s *Store) Fsck(ctx context.Context, progress func(done, total int64)) (Report, error) {
	x, err := s.snapshot()
	if err != nil {
		return Report{}, fmt.Errorf("fsck: %w", err)
	}
	var r Report
	s.checkFiles(x, &r)

	referred := map[string]bool{}
	users := map[proof][]Version{}
	var blobs []BlobInfo
	var total int64
	for _, e := range x.entries {
		r.Versions++
		referred[e.digest.Encoded()] = true
		// From the disk, not from memory.
		m, err := s.readManifest(e)
		if err != nil {
			at := e.digest
			if d := (*damage)(nil); errors.As(err, &d) {
				at = d.blob
			}
			r.Problems = append(r.Problems, Problem{s.relative(at.Encoded()), []Version{e.version}, err.Error()})
			continue
		}
		referred[m.config.Encoded()] = true
		for _, b := range m.Blobs {
			referred[b.Stored[len(digestPrefix):]] = true
			p := proof{b.Stored, b.Digest}
			if len(users[p]) == 0 {
				blobs = append(blobs, b)
				total += b.StoredLen
			}
			users[p] = append(users[p], e.version)
		}
	}
	r.Blobs, r.Bytes = len(blobs), total
	var done int64
	for _, b := range blobs {
		err := s.verify(ctx, b, func(n int64) {
			if done += n; progress != nil {
				progress(done, total)
			}
		})
		if ctx.Err() != nil {
			return r, fmt.Errorf("fsck: %w", ctx.Err())
		}
		if err != nil {
			p := proof{b.Stored, b.Digest}
			r.Problems = append(r.Problems, Problem{s.relative(b.Stored[len(digestPrefix):]), users[p], err.Error()})
		}
	}
	names, err := s.opts.fs.List(s.blobs())
	if err != nil {
		return r, fmt.Errorf("fsck: %w", err)
	}
	for _, name := range names {
		if !referred[name] {
			r.Orphans = append(r.Orphans, s.relative(name))
		}
	}
	return r, nil
}

func (s *Store) relative(hex string) string { return v1.ImageBlobsDir + "/sha256/" + hex }

// checkFiles reads the files beside the blobs.
func (s *Store) checkFiles(x *index, r *Report) {
	report := func(file string, err error) {
		r.Problems = append(r.Problems, Problem{File: file, Reason: err.Error()})
	}
	mark, err := durable.ReadFile(s.opts.fs, s.path(v1.ImageLayoutFile), 1<<10)
	if err == nil && !bytes.Equal(mark, []byte(layoutMark)) {
		err = fmt.Errorf("%w: not %s", ErrCorrupt, layoutMark)
	}
	if err != nil {
		report(v1.ImageLayoutFile, err)
	}
	if _, _, err := s.loadFile(v1.ImageIndexFile); err != nil {
		report(v1.ImageIndexFile, err)
	}
	names, err := s.opts.fs.List(s.dir)
	if err != nil {
		report(".", err)
		return
	}
	// Before the first commit there is no index before it.
	if !slices.Contains(names, prevFile) && x.generation <= 1 {
		return
	}
	if _, _, err := s.loadFile(prevFile); err != nil {
		report(prevFile, err)
	}
}
