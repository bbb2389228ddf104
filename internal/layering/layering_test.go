package layering_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/layering"
)

const (
	module = "github.com/perennial-ml/perennial"
	root   = "../.."
)

func TestImportsPointTheWayOfTheTable(t *testing.T) {
	packages := list(t)
	require.Greater(t, len(packages), 10, "go list found too few packages to say anything")
	for _, broken := range layering.Check(module, packages) {
		t.Error(broken)
	}
}

func TestRootListingIsTheArchitecture(t *testing.T) {
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	require.Empty(t, layering.Stray(folders, ignored(t)), "the root has folders that are no rooms")
}

// list asks the go command for the packages of the module.
func list(t *testing.T) []layering.Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []layering.Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p layering.Package
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// ignored returns the folders of the root that git does not track.
func ignored(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(root + "/.gitignore")
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(data)) {
		name := strings.TrimSpace(line)
		if strings.HasPrefix(name, "/") && strings.HasSuffix(name, "/") {
			names = append(names, strings.Trim(name, "/"))
		}
	}
	return names
}

func at(path string) string { return module + "/" + path }

// documented is a package that breaks no rule by itself.
func documented(path string) layering.Package {
	return layering.Package{ImportPath: at(path), Name: "p", GoFiles: []string{"doc.go"}}
}

func TestCheckNamesTheImportAndTheRule(t *testing.T) {
	for _, tc := range []struct {
		name string
		pkg  func(*layering.Package)
		in   string
		want string
	}{
		{
			name: "a room that the table does not allow", in: "guard",
			pkg:  func(p *layering.Package) { p.Imports = []string{"fmt", at("engine")} },
			want: "guard imports engine: guard may import only internal",
		},
		{
			name: "a subpackage of it", in: "serve/oip",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("ledger"), at("engine/signal")} },
			want: "serve/oip imports engine/signal: serve may import only feedback, ledger, models, checkpoint, internal",
		},
		{
			name: "the way back", in: "models",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("compute"), at("optim")} },
			want: "models imports optim: models may import only compute, internal",
		},
		{
			name: "in a test", in: "replay",
			pkg:  func(p *layering.Package) { p.TestImports = []string{at("models")} },
			want: "replay imports in its tests models: replay may import only internal",
		},
		{
			name: "in an external test", in: "replay",
			pkg:  func(p *layering.Package) { p.XTestImports = []string{at("replay"), at("models")} },
			want: "replay imports in its external tests models: replay may import only internal",
		},
		{
			name: "internal from feedback", in: "feedback/feature",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("internal/rng")} },
			want: "feedback/feature imports internal/rng: feedback imports nothing of ours",
		},
		{
			name: "internal from feedback's own tests", in: "feedback",
			pkg:  func(p *layering.Package) { p.TestImports = []string{at("internal/rng")} },
			want: "feedback imports in its tests internal/rng: feedback imports nothing of ours",
		},
		{
			name: "internal from internal", in: "internal/durable",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("internal/failpoint")} },
			want: "internal/durable imports internal/failpoint: internal imports nothing of ours",
		},
		{
			name: "a suite from what it measures", in: "serve",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("models"), at("bench/loop")} },
			want: "serve imports bench/loop: bench is imported by cmd alone",
		},
		{
			name: "the binary from a room", in: "engine",
			pkg:  func(p *layering.Package) { p.Imports = []string{at("cmd/learner/config")} },
			want: "engine imports cmd/learner/config: engine may import only feedback, replay, models, optim, guard, internal",
		},
		{
			name: "no documentation", in: "ledger",
			pkg:  func(p *layering.Package) { p.GoFiles = []string{"log.go"} },
			want: "ledger has no doc.go: every package says its role, invariants and concurrency there",
		},
		{
			name: "no room", in: "util",
			pkg: func(*layering.Package) {},
			want: "util is in no room: packages belong in one of feedback, ledger, replay, compute, models, optim, " +
				"checkpoint, engine, guard, serve, bench, cmd, internal",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := documented(tc.in)
			tc.pkg(&p)
			fine := documented("optim")
			fine.Imports = []string{at("models"), at("internal/canonical")}
			require.Equal(t, []string{tc.want}, layering.Check(module, []layering.Package{fine, p}))
		})
	}
}

func TestCheckAllowsWhatTheTableAllows(t *testing.T) {
	main := layering.Package{
		ImportPath: at("cmd/learner"), Name: "main", GoFiles: []string{"main.go"},
		Imports: []string{"context", at("cmd/learner/cli"), at("engine"), at("serve"), at("bench/plot"), at("internal/durable")},
	}
	bench := layering.Package{ImportPath: at("bench/crash"), Name: "main", Imports: []string{at("ledger"), at("bench/harness")}}
	events := documented("feedback")
	events.Imports = []string{at("feedback/feature"), "github.com/perennial-ml/perennial-schemas/v2"}
	events.XTestImports = []string{at("feedback"), at("internal/failpoint")}
	files := documented("internal/durable")
	files.XTestImports = []string{at("internal/durable"), at("internal/failpoint")}
	require.Empty(t, layering.Check(module, []layering.Package{main, bench, events, files}))
}

func ExampleCheck() {
	guard := layering.Package{
		ImportPath: "example.org/m/guard", Name: "guard", GoFiles: []string{"doc.go"},
		Imports: []string{"example.org/m/engine"},
	}
	for _, broken := range layering.Check("example.org/m", []layering.Package{guard}) {
		fmt.Println(broken)
	}
	// Output: guard imports engine: guard may import only internal
}

func TestStrayFindsAFolderThatIsNoRoom(t *testing.T) {
	root := []string{".ci", ".git", "bin", "docs", "engine", "pkg", "tools", "utils"}
	require.Equal(t, []string{"pkg", "utils"}, layering.Stray(root, []string{"bin"}))
}
