package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A File is one file of a data set.
type File struct {
	Path string // below the data folder, with slashes; or absolute
	// URL is where it is published; empty if only its maker has it.
	URL string
	// Content lists the SHA-256 of the content, uncompressed, that are known to be
	// right; Archive is that of the file at URL as it is sent. Where both are empty
	// none is pinned.
	Content []string
	Archive string
}

// A Form is one way in which a data set may lie in the folder.
type Form struct {
	Files []File
	load  func(paths []string) (Split, error)
}

// An Entry is a data set that the suites know by name.
type Entry struct {
	Name   string
	Title  string
	Source string // who made it, and where it is described
	Forms  []Form // the first that is there is read
}

// Catalog lists the data sets.
func Catalog() []Entry {
	return []Entry{
		{
			Name: "mnist", Title: "handwritten digits, 60,000 + 10,000 of 28 by 28",
			Source: "LeCun, Cortes, Burges, 1998",
			Forms: []Form{idxForm("mnist", "https://storage.googleapis.com/cvdf-datasets/mnist/", 10, [4][]string{
				// The second has 1 replaced by 0 in 0.05 % of the pixels.
				{"ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "b61ffb6f513fd9ff8d89824731f6b4ed7863c759c33056d701efb8412469fb04"},
				{"65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
				{"0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
				{"ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
			})},
		},
		{
			Name: "fashion-mnist", Title: "pictures of clothes, 60,000 + 10,000 of 28 by 28",
			Source: "Xiao, Rasul, Vollgraf, arXiv 1708.07747; Debian package dataset-fashion-mnist",
			Forms: []Form{idxForm("fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", 10, [4][]string{
				{"c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
				{"bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
				{"5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
				{"0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
			})},
		},
		{
			Name: "elec2", Title: "electricity market of New South Wales, 45,312 half-hours",
			Source: "M. Harries, 1999; OpenML 151",
			Forms: []Form{
				stream(File{Path: "elec2.csv.gz", Content: []string{"46ead2a29f83dc0fcb32d718d4841c911231f1ded635a706da7b3fafb69df409"}},
					CSV{Label: "class"}.named("elec2")),
				stream(File{Path: "electricity-normalized.arff", URL: "https://www.openml.org/data/download/2419/electricity-normalized.arff"},
					func(r io.Reader) (*Set, error) { return ARFF("elec2", "class", r) }),
			},
		},
		{
			Name: "phishing", Title: "1,250 web pages, in the order of river's benchmark",
			Source: "Mohammad, Thabtah, McCluskey, UCI phishing websites; river",
			Forms: []Form{
				stream(File{Path: "phishing.csv", Content: []string{"9933ec458c32d3234699cb4850491004ebc2e9b011c9702f1bdbf9c0a6a63db9"}},
					CSV{Label: "is_phishing"}.named("phishing")),
				stream(File{Path: "phishing.csv.gz", URL: "https://raw.githubusercontent.com/online-ml/river/main/river/datasets/phishing.csv.gz"},
					CSV{Label: "is_phishing"}.named("phishing")),
			},
		},
		{
			Name: "covertype", Title: "forest cover of 581,012 patches, 7 classes",
			Source: "Blackard and Dean, 1998; UCI covertype",
			Forms: []Form{stream(File{
				Path: "covtype.data.gz", URL: "https://archive.ics.uci.edu/ml/machine-learning-databases/covtype/covtype.data.gz",
				Archive: "614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",
			}, CSV{Headless: true}.named("covertype"))},
		},
		{
			Name: "movielens", Title: "ratings of films by people, in order of time",
			Source: "Harper and Konstan, ACM TiiS 2015; files.grouplens.org/datasets/movielens",
			Forms: []Form{
				stream(File{Path: "ml-100k/u.data", URL: "https://files.grouplens.org/datasets/movielens/ml-100k/u.data"}, movies),
				stream(File{Path: "ml-1m/ratings.dat"}, movies),
				stream(File{Path: "ml-latest-small/ratings.csv"}, movies),
			},
		},
	}
}

// Find returns the data set of that name. Besides those of the catalogue, any CSV or ARFF
// file in the folder is one: its name is the path, then "#" and the column to learn if
// that is not the last.
func Find(name string) (Entry, error) {
	var names []string
	for _, e := range Catalog() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	path, label, _ := strings.Cut(name, "#")
	read := CSV{Label: label}.named(name)
	switch base := strings.TrimSuffix(path, ".gz"); {
	case strings.HasSuffix(base, ".arff"):
		read = func(r io.Reader) (*Set, error) { return ARFF(name, label, r) }
	case !strings.HasSuffix(base, ".csv"):
		return Entry{}, fmt.Errorf("data set %q: must be one of %s, or a .csv or .arff file", name, strings.Join(names, ", "))
	}
	return Entry{Name: name, Title: "a table of your own", Forms: []Form{stream(File{Path: path}, read)}}, nil
}

// Present returns the first form whose files are all in the folder.
func (e Entry) Present(folder string) (Form, bool) {
	for _, f := range e.Forms {
		missing := false
		for _, file := range f.Files {
			_, err := os.Stat(file.at(folder))
			missing = missing || err != nil
		}
		if !missing {
			return f, true
		}
	}
	return Form{}, false
}

// Load reads the data set. It returns ErrMissing, with what to put where, if the folder
// does not have it.
func (e Entry) Load(folder string) (Split, error) {
	form, ok := e.Present(folder)
	if !ok {
		return Split{}, fmt.Errorf("%w: %s", ErrMissing, e.Wanted(folder))
	}
	var paths []string
	for _, f := range form.Files {
		paths = append(paths, f.at(folder))
	}
	s, err := form.load(paths)
	if err != nil {
		return Split{}, fmt.Errorf("data set %s: %w", e.Name, err)
	}
	return s, nil
}

// Wanted says what to put where.
func (e Entry) Wanted(folder string) string {
	var b strings.Builder
	b.WriteString(e.Name)
	if e.Source != "" {
		fmt.Fprintf(&b, " (%s)", e.Source)
	}
	fmt.Fprintf(&b, " is not in %s. Put there", folder)
	for i, form := range e.Forms {
		if i > 0 {
			b.WriteString("; or")
		}
		for j, f := range form.Files {
			if j > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(&b, " %s", f.Path)
			if f.URL != "" {
				fmt.Fprintf(&b, " (from %s)", f.URL)
			}
		}
	}
	return b.String()
}

func (f File) at(folder string) string {
	path := filepath.FromSlash(f.Path)
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}

// Verify holds a file against its pinned hash. It returns fs.ErrNotExist if there is no
// file and ErrHash if it is another one; pinned is false if no hash is known.
func (f File) Verify(folder string) (pinned bool, err error) {
	file, inside, err := hashes(f.at(folder))
	switch {
	case err != nil:
		return false, err
	case f.Content == nil && f.Archive == "":
		return false, nil
	case f.Archive != "" && file == f.Archive:
		return true, nil
	}
	for _, c := range f.Content {
		if inside == c {
			return true, nil
		}
	}
	known := f.Content
	if f.Archive != "" {
		known = append(slices.Clone(known), f.Archive)
	}
	return true, fmt.Errorf("%s: %w: it is %s, must be %s", f.Path, ErrHash, inside, strings.Join(known, " or "))
}

// Verify holds the files that Load reads against their pinned hashes. It returns ErrHash for
// the first that is another.
func (e Entry) Verify(folder string) error {
	form, ok := e.Present(folder)
	if !ok {
		return fmt.Errorf("%w: %s", ErrMissing, e.Wanted(folder))
	}
	for _, f := range form.Files {
		if _, err := f.Verify(folder); err != nil {
			return fmt.Errorf("data set %s: %w", e.Name, err)
		}
	}
	return nil
}

// Missing reports whether an error of Verify means that there is no file.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// idxForm is images and labels to learn from and to score, as MNIST has them.
func idxForm(name, base string, classes int, content [4][]string) Form {
	form := Form{load: func(p []string) (s Split, err error) {
		if s.Train, err = images(name, p[0], p[1], classes); err != nil {
			return Split{}, err
		}
		if s.Test, err = images(name, p[2], p[3], classes); err != nil {
			return Split{}, err
		}
		return s, nil
	}}
	for i, file := range []string{"train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"} {
		file += "-ubyte.gz"
		form.Files = append(form.Files, File{Path: name + "/" + file, URL: base + file, Content: content[i]})
	}
	return form
}

// stream is one file whose rows come in the order of time.
func stream(f File, read func(io.Reader) (*Set, error)) Form {
	return Form{Files: []File{f}, load: func(p []string) (Split, error) {
		s, err := readFile(p[0], read)
		return Split{Train: s}, err
	}}
}

func (c CSV) named(name string) func(io.Reader) (*Set, error) {
	return func(r io.Reader) (*Set, error) { return c.Read(name, r) }
}

func movies(r io.Reader) (*Set, error) { return MovieLens("movielens", r) }
