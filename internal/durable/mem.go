package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrCrashed is what every operation of a Mem returns from its FailFrom step on.
var ErrCrashed = errors.New("durable: the simulated machine is down")

// Mem is a file system in memory that tells content and names that were synced
// from those that were not. The zero value is not usable; see NewMem.
type Mem struct {
	mu     sync.Mutex
	root   *node
	ops    int
	failAt int // -1: never
	locks  map[string]bool
}

var _ FS = (*Mem)(nil)

// A node is a file or a folder. Renames move it, so it also plays the inode.
type node struct {
	dir bool

	data, synced []byte // file: as written, as it survives

	names, lasting map[string]*node // folder: as seen, as it survives
	pending        []change         // folder: from lasting to names, in order
}

// A change is one atomic change of a folder: a name that goes, a name that comes.
type change struct {
	gone, came string // "" for none
	node       *node
}

func (c change) apply(names map[string]*node) {
	if c.gone != "" && names[c.gone] == c.node {
		delete(names, c.gone)
	}
	if c.came != "" {
		names[c.came] = c.node
	}
}

func newDir() *node {
	return &node{dir: true, names: map[string]*node{}, lasting: map[string]*node{}}
}

// NewMem returns an empty file system whose root folder exists.
func NewMem() *Mem {
	return &Mem{root: newDir(), failAt: -1, locks: map[string]bool{}}
}

// Ops returns how many changing operations were asked for so far: create,
// write, sync, rename, remove, mkdir, sync of a folder.
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// FailFrom makes the n-th changing operation from now on (0 is the next) and
// everything after it fail with ErrCrashed.
func (m *Mem) FailFrom(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt = m.ops + n
}

// Crash returns the file system as it is found after a power cut: without
// locks, and without what was not synced. With a nil random all of that is
// lost; otherwise each unsynced change of a folder survives or not, by itself,
// and each unsynced file keeps some prefix of what was written to it. m stays
// as it was, so that one state can crash in many ways.
func (m *Mem) Crash(random *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := NewMem()
	after.root = survive(m.root, random, map[*node]*node{})
	return after
}

func survive(n *node, random *rand.Rand, seen map[*node]*node) *node {
	if copied, ok := seen[n]; ok {
		return copied
	}
	if !n.dir {
		kept := n.synced
		if random != nil && random.IntN(2) == 0 {
			kept = n.data[:random.IntN(len(n.data)+1)]
			if len(kept) < len(n.synced) {
				kept = n.synced
			}
		}
		after := &node{data: slices.Clone(kept), synced: slices.Clone(kept)}
		seen[n] = after
		return after
	}
	names := maps.Clone(n.lasting)
	for _, c := range n.pending {
		if random != nil && random.IntN(2) == 0 {
			c.apply(names)
		}
	}
	after := newDir()
	seen[n] = after
	for _, name := range slices.Sorted(maps.Keys(names)) {
		after.names[name] = survive(names[name], random, seen)
	}
	after.lasting = maps.Clone(after.names)
	return after
}

// Files returns the paths of all files, sorted.
func (m *Mem) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var files []string
	var walk func(prefix string, n *node)
	walk = func(prefix string, n *node) {
		for name, child := range n.names {
			if path := prefix + "/" + name; child.dir {
				walk(path, child)
			} else {
				files = append(files, path)
			}
		}
	}
	walk("", m.root)
	slices.Sort(files)
	return files
}

// Damage replaces the content of a file behind everyone's back, durably.
func (m *Mem) Damage(name string, how func([]byte) []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("damage", name)
	if err != nil {
		return err
	}
	n.data = how(slices.Clone(n.data))
	n.synced = slices.Clone(n.data)
	return nil
}

// change counts a changing operation. The caller holds mu.
func (m *Mem) change() error {
	m.ops++
	if m.failAt >= 0 && m.ops > m.failAt {
		return ErrCrashed
	}
	return nil
}

func parts(name string) []string {
	return strings.FieldsFunc(filepath.ToSlash(filepath.Clean(name)), func(r rune) bool { return r == '/' })
}

func (m *Mem) find(op, name string) (*node, error) {
	n := m.root
	for _, p := range parts(name) {
		if p == "." {
			continue
		}
		child := n.names[p]
		if !n.dir || child == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		n = child
	}
	return n, nil
}

// parent returns the folder that holds name, and the last element of name.
func (m *Mem) parent(op, name string) (*node, string, error) {
	dir, err := m.find(op, filepath.Dir(name))
	if err != nil {
		return nil, "", err
	}
	return dir, filepath.Base(name), nil
}

func (n *node) do(c change) {
	c.apply(n.names)
	n.pending = append(n.pending, c)
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return nil, err
	}
	dir, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] != nil {
		return nil, &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
	}
	n := &node{}
	dir.do(change{came: base, node: n})
	return &memFile{fs: m, node: n}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	return &memFile{fs: m, node: n}, nil
}

// Size implements FS.
func (m *Mem) Size(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("size", name)
	if err != nil {
		return 0, err
	}
	if n.dir {
		return 0, &fs.PathError{Op: "size", Path: name, Err: fs.ErrInvalid}
	}
	return int64(len(n.data)), nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find("list", dir)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// Rename implements FS, within one folder.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return err
	}
	if filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("rename %s to %s: across folders: %w", from, to, errors.ErrUnsupported)
	}
	n, err := m.find("rename", from)
	if err != nil {
		return err
	}
	dir, base, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	dir.do(change{gone: filepath.Base(from), came: base, node: n})
	return nil
}

// Remove implements FS, for files.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return err
	}
	n, err := m.find("remove", name)
	if err != nil {
		return err
	}
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	dir.do(change{gone: base, node: n})
	return nil
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return err
	}
	dir, base, err := m.parent("mkdir", name)
	if err != nil {
		return err
	}
	if dir.names[base] == nil {
		dir.do(change{came: base, node: newDir()})
	}
	return nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.change(); err != nil {
		return err
	}
	n, err := m.find("syncdir", name)
	if err != nil {
		return err
	}
	n.lasting = maps.Clone(n.names)
	n.pending = nil
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = filepath.Clean(name)
	if m.locks[name] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.locks[name] = true
	return &memLock{fs: m, name: name}, nil
}

type memLock struct {
	fs   *Mem
	name string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

// A memFile has its own place for reading; writes append. Like an open file of
// Unix it outlives the removal of its name.
type memFile struct {
	fs   *Mem
	node *node
	at   int
}

func (f *memFile) Read(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.at >= len(f.node.data) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[f.at:])
	f.at += n
	return n, nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		return 0, err
	}
	f.node.data = append(f.node.data, p...)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *memFile) Close() error { return nil }
