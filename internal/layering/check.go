package layering

import (
	"fmt"
	"slices"
	"strings"
)

// A Package is what go list -json tells of one, as far as Check needs it.
type Package struct {
	ImportPath   string
	Name         string
	GoFiles      []string
	Imports      []string
	TestImports  []string // of test files in the package
	XTestImports []string // of test files in the package NAME_test
}

// Check holds the packages of a module against the rules and returns what breaks them,
// one sentence each.
func Check(module string, packages []Package) []string {
	c := checker{module: module, rooms: map[string]room{}}
	for _, r := range rooms() {
		c.rooms[r.name] = r
	}
	for _, p := range packages {
		c.check(p)
	}
	return c.broken
}

type checker struct {
	module string
	rooms  map[string]room
	broken []string
}

func (c *checker) object(format string, args ...any) {
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// roomOf splits an import path of the module into its room and the path below the
// module; ok is false for a package of another module.
func (c *checker) roomOf(path string) (name, below string, ok bool) {
	below, ok = strings.CutPrefix(path, c.module+"/")
	if !ok {
		return "", path, path == c.module
	}
	name, _, _ = strings.Cut(below, "/")
	return name, below, true
}

func (c *checker) check(p Package) {
	name, below, _ := c.roomOf(p.ImportPath)
	from, known := c.rooms[name]
	if !known {
		c.object("%s is in no room: packages belong in one of %s", below, strings.Join(names(), ", "))
		return
	}
	if p.Name != "main" && !slices.Contains(p.GoFiles, "doc.go") {
		c.object("%s has no doc.go: every package says its role, invariants and concurrency there", below)
	}
	c.imports(from, below, "imports", p.Imports, nil)
	c.imports(from, below, "imports in its tests", p.TestImports, nil)
	// Tests from outside may use harnesses: nothing that is built contains them.
	c.imports(from, below, "imports in its external tests", p.XTestImports, []string{internalRoom})
}

func (c *checker) imports(from room, below, how string, paths, further []string) {
	for _, path := range paths {
		name, target, ours := c.roomOf(path)
		if !ours || c.allows(from, name, further) || target == below {
			continue
		}
		c.object("%s %s %s: %s", below, how, target, c.rule(from, name))
	}
}

func (c *checker) allows(from room, to string, further []string) bool {
	target, known := c.rooms[to]
	switch {
	case !known:
		return false
	case from.name == internalRoom && to == internalRoom:
		return slices.Contains(further, to)
	case from.name == to:
		return true
	case target.only != "":
		return from.name == target.only
	}
	return from.all || slices.Contains(from.imports, to) || slices.Contains(further, to)
}

// rule says what from may import, or why to may not be imported.
func (c *checker) rule(from room, to string) string {
	switch {
	case c.rooms[to].only != "":
		return to + " is imported by " + c.rooms[to].only + " alone"
	case len(from.imports) == 0:
		return from.name + " imports nothing of ours"
	}
	return from.name + " may import only " + strings.Join(from.imports, ", ")
}

// Stray returns the folders of a root that are neither rooms nor known otherwise.
// Hidden ones, and those that ignored names, do not count.
func Stray(root, ignored []string) []string {
	known := slices.Concat(names(), folders(), ignored)
	var stray []string
	for _, folder := range root {
		if !strings.HasPrefix(folder, ".") && !slices.Contains(known, folder) {
			stray = append(stray, folder)
		}
	}
	return stray
}

func names() []string {
	var list []string
	for _, r := range rooms() {
		list = append(list, r.name)
	}
	return list
}
