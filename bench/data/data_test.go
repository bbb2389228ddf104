package data_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/data"
)

func load(t *testing.T, name string) data.Split {
	t.Helper()
	e, err := data.Find(name)
	require.NoError(t, err)
	s, err := e.Load("testdata")
	require.NoError(t, err)
	return s
}

func TestSamplesLoadAsWhatTheyAre(t *testing.T) {
	m := load(t, "mnist")
	require.Equal(t, 300, m.Train.Len())
	require.Equal(t, 100, m.Test.Len())
	require.True(t, m.Train.Image())
	require.Equal(t, 28*28, m.Train.Numbers())
	count := [10]int{}
	for i := range m.Train.Len() {
		count[m.Train.Class(i)]++
	}
	require.Equal(t, [10]int{30, 30, 30, 30, 30, 30, 30, 30, 30, 30}, count)
	require.Equal(t, 5, m.Train.Class(0), "MNIST begins with a five")

	e := load(t, "elec2")
	require.Nil(t, e.Test)
	require.Equal(t, 500, e.Train.Len())
	require.Equal(t, []string{"date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"}, e.Train.Columns)
	require.Equal(t, 2, e.Train.Classes)
	require.InDelta(t, 0.056443, e.Train.Dense[3], 1e-6)

	p := load(t, "phishing")
	require.Equal(t, 9, p.Train.Numbers())
	require.Equal(t, 500, p.Train.Head(1000).Len())
	require.Equal(t, 7*9, len(p.Train.Head(7).Dense))
}

func TestTablesNumberClassesAndNamesByTheirOrder(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		read       func(string) (*data.Set, error)
	}{
		{"csv", "size,colour,kind\n1,red,9\n2,blue,-1\n3,red,9\n", func(s string) (*data.Set, error) {
			return data.CSV{}.Read("t", strings.NewReader(s))
		}},
		{"csv by label", "kind;size;colour;note\n9;1;red;x\n-1;2;blue;y\n9;3;red;z\n", func(s string) (*data.Set, error) {
			return data.CSV{Label: "kind", Drop: []string{"note"}, Comma: ';'}.Read("t", strings.NewReader(s))
		}},
		{"arff", "% c\n@relation 'r'\n@attribute size NUMERIC\n@attribute 'colour' {red, 'blue'}\n@attribute kind {9,-1}\n@data\n1,red,9\n\n2, 'blue',-1\n3,red,9\n", func(s string) (*data.Set, error) {
			return data.ARFF("t", "kind", strings.NewReader(s))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := tc.read(tc.text)
			require.NoError(t, err)
			require.Equal(t, []float32{1, 2, 3}, s.Dense)
			require.Equal(t, []int{2}, s.Buckets)
			require.Equal(t, []int32{1, 0, 1}, s.Categories, "blue comes before red")
			require.Equal(t, 2, s.Classes)
			require.Equal(t, []float32{1, 0, 1}, s.Targets)
		})
	}
}

func TestWhatIsNoClassIsAValue(t *testing.T) {
	s, err := data.CSV{}.Read("t", strings.NewReader("x,y\n1,0.5\n2,3\n"))
	require.NoError(t, err)
	require.Zero(t, s.Classes)
	require.Equal(t, []float32{0.5, 3}, s.Targets)
}

func TestRatingsComeInOrderOfTime(t *testing.T) {
	for _, text := range []string{
		"7\t30\t4\t200\n5\t10\t2.5\t100\n5\t30\t1\t200\n",
		"7::30::4::200\n5::10::2.5::100\n5::30::1::200\n",
		"userId,movieId,rating,timestamp\n7,30,4,200\n5,10,2.5,100\n5,30,1,200\n",
	} {
		s, err := data.MovieLens("ml", strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, []float32{2.5, 4, 1}, s.Targets)
		require.Equal(t, []int32{0, 0, 1, 1, 0, 1}, s.Categories, "user and movie of each")
		require.Equal(t, []int{2, 2}, s.Buckets)
	}
}

func TestDamageIsAnErrorThatNamesFileAndPlace(t *testing.T) {
	valid, err := os.ReadFile("testdata/mnist/train-images-idx3-ubyte.gz")
	require.NoError(t, err)
	z, err := gzip.NewReader(bytes.NewReader(valid))
	require.NoError(t, err)
	var plain bytes.Buffer
	_, err = plain.ReadFrom(z)
	require.NoError(t, err)
	for _, tc := range []struct {
		name, set, file string
		content         []byte
		want            string
	}{
		{"torn gzip", "mnist", "mnist/train-images-idx3-ubyte.gz", valid[:len(valid)-9], "train-images"},
		{"torn images", "mnist", "mnist/train-images-idx3-ubyte.gz", plain.Bytes()[:plain.Len()-1], "its header says"},
		{"too many images", "mnist", "mnist/train-images-idx3-ubyte.gz", append(plain.Bytes(), 0), "its header says"},
		{"labels for images", "mnist", "mnist/train-images-idx3-ubyte.gz", []byte{0, 0, 8, 1, 0, 0, 0, 1, 3}, "IDX"},
		{"absurd sizes", "mnist", "mnist/train-images-idx3-ubyte.gz", []byte{0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "dimension 0"},
		{"fewer labels", "mnist", "mnist/train-labels-idx1-ubyte.gz", []byte{0, 0, 8, 1, 0, 0, 0, 1, 3}, "1 labels for 300 images"},
		{"class outside", "mnist", "mnist/t10k-labels-idx1-ubyte.gz", append([]byte{0, 0, 8, 1, 0, 0, 0, 100}, bytes.Repeat([]byte{10}, 100)...), "class 10 of 10"},
		{"word for a number", "phishing", "phishing.csv", []byte("a,is_phishing\n1,0\nx,1\n"), "line 3"},
		{"missing value", "phishing", "phishing.csv", []byte("a,is_phishing\n1,0\n?,1\n"), "a is missing"},
		{"short row", "phishing", "phishing.csv", []byte("a,b,is_phishing\n1,0\n"), "wrong number of fields"},
		{"no label", "phishing", "phishing.csv", []byte("a,b\n1,0\n"), `"is_phishing"`},
		{"no rows", "phishing", "phishing.csv", []byte("a,is_phishing\n"), "no rows"},
		{"empty", "phishing", "phishing.csv", nil, "no lines"},
		{"endless line", "phishing", "phishing.csv", bytes.Repeat([]byte("1,"), 1<<20), "longer than"},
		{"arff without data", "t.arff", "t.arff", []byte("@relation r\n@attribute a numeric\n"), "attributes"},
		{"arff undeclared", "t.arff", "t.arff", []byte("@attribute a {x}\n@attribute b {y}\n@data\nz,y\n"), "not declared"},
		{"arff sparse", "t.arff", "t.arff", []byte("@attribute a numeric\n@attribute b {y}\n@data\n{0 1}\n"), "sparse"},
		{"arff open quote", "t.arff", "t.arff", []byte("@attribute a numeric\n@attribute b {y}\n@data\n'1,y\n"), "quote"},
		{"arff text", "t.arff", "t.arff", []byte("@attribute a string\n"), "numeric or nominal"},
		{"rating of three fields", "movielens", "ml-100k/u.data", []byte("1\t2\t3\n"), "line 1"},
		{"rating that is no number", "movielens", "ml-100k/u.data", []byte("1\t2\tNaN\t3\n"), "finite"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			require.NoError(t, os.CopyFS(folder, os.DirFS("testdata")))
			path := filepath.Join(folder, tc.file)
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, tc.content, 0o644))
			e, err := data.Find(tc.set)
			require.NoError(t, err)
			_, err = e.Load(folder)
			require.ErrorIs(t, err, data.ErrFormat)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMissingDataSaysWhatToPutWhere(t *testing.T) {
	folder := t.TempDir()
	for _, e := range data.Catalog() {
		_, err := e.Load(folder)
		require.ErrorIs(t, err, data.ErrMissing)
		require.ErrorContains(t, err, folder)
		for _, form := range e.Forms {
			for _, f := range form.Files {
				require.ErrorContains(t, err, f.Path)
				require.ErrorContains(t, err, f.URL)
			}
		}
	}
	_, err := data.Find("nothing")
	require.ErrorContains(t, err, "mnist")
}

func TestATableOfOnesOwnMayLieOutsideOfTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.csv")
	require.NoError(t, os.WriteFile(path, []byte("a,b\n1,2\n3,4\n"), 0o600))
	for name, folder := range map[string]string{path + "#b": t.TempDir(), "mine.csv#b": filepath.Dir(path)} {
		e, err := data.Find(name)
		require.NoError(t, err)
		s, err := e.Load(folder)
		require.NoError(t, err, name)
		require.Equal(t, 2, s.Train.Len())
	}
	e, err := data.Find("nowhere.csv#b")
	require.NoError(t, err)
	_, err = e.Load("folder")
	require.EqualError(t, err, "data: files are missing: nowhere.csv#b is not in folder. Put there nowhere.csv")
}

func TestFetchPutsInPlaceOnlyWhatIsWholeAndRight(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte("a,b\n1,2\n"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	inside := sha256.Sum256([]byte("a,b\n1,2\n"))
	whole := sha256.Sum256(b.Bytes())
	cut := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "gone"):
			http.NotFound(w, r)
		case cut:
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(b.Bytes())
		default:
			_, _ = w.Write(b.Bytes())
		}
	}))
	defer server.Close()
	fetch := func(f data.File) (string, error) {
		folder := t.TempDir()
		f.Path = "sub/t.csv.gz"
		got := int64(0)
		err := f.Fetch(context.Background(), server.Client(), folder, func(n int64) { got += n })
		if err != nil {
			left, _ := os.ReadDir(filepath.Join(folder, "sub"))
			require.Empty(t, left, "nothing half-written stays")
		} else {
			require.EqualValues(t, b.Len(), got)
		}
		return filepath.Join(folder, "sub", "t.csv.gz"), err
	}
	for _, f := range []data.File{
		{URL: server.URL}, // none is pinned
		{URL: server.URL, Content: []string{"00", hex.EncodeToString(inside[:])}},
		{URL: server.URL, Archive: hex.EncodeToString(whole[:])},
	} {
		path, err := fetch(f)
		require.NoError(t, err)
		require.FileExists(t, path)
	}
	_, err = fetch(data.File{URL: server.URL, Content: []string{"00"}})
	require.ErrorIs(t, err, data.ErrHash)
	_, err = fetch(data.File{URL: server.URL + "/gone"})
	require.ErrorContains(t, err, "404")
	_, err = fetch(data.File{})
	require.ErrorContains(t, err, "no public address")
	cut = true
	_, err = fetch(data.File{URL: server.URL})
	require.Error(t, err)
}

func TestVerifyTellsPinnedFromUnpinnedAndMissing(t *testing.T) {
	pinned, err := data.File{Path: "phishing.csv"}.Verify("testdata")
	require.NoError(t, err)
	require.False(t, pinned)
	_, err = data.File{Path: "phishing.csv", Content: []string{"01"}, Archive: "00"}.Verify("testdata")
	require.ErrorIs(t, err, data.ErrHash)
	require.ErrorContains(t, err, "must be 01 or 00")
	cut, err := data.Find("phishing") // a sample lies there, and not the whole
	require.NoError(t, err)
	require.ErrorIs(t, cut.Verify("testdata"), data.ErrHash)
	require.ErrorIs(t, cut.Verify(t.TempDir()), data.ErrMissing)
	_, err = data.File{Path: "nothing"}.Verify("testdata")
	require.True(t, data.Missing(err))
}

func FuzzIDX(f *testing.F) {
	f.Add([]byte{0, 0, 8, 1, 0, 0, 0, 2, 1, 0})
	f.Add([]byte{0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		sizes, elements, err := data.ReadIDX(bytes.NewReader(raw), 1)
		if err == nil {
			require.Equal(t, len(raw), 8+len(elements))
			require.Equal(t, []int{len(elements)}, sizes)
		}
	})
}

func FuzzTables(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("@attribute a {x,y}\n@attribute b numeric\n@data\nx,1\n'y',2\n")
	f.Add("1::2::3::4\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func() (*data.Set, error){
			func() (*data.Set, error) { return data.CSV{}.Read("t", strings.NewReader(text)) },
			func() (*data.Set, error) { return data.CSV{Headless: true}.Read("t", strings.NewReader(text)) },
			func() (*data.Set, error) { return data.ARFF("t", "", strings.NewReader(text)) },
			func() (*data.Set, error) { return data.MovieLens("t", strings.NewReader(text)) },
		} {
			s, err := read()
			if err != nil {
				require.ErrorIs(t, err, data.ErrFormat)
				continue
			}
			require.Len(t, s.Dense, s.Len()*len(s.Columns))
			require.Len(t, s.Categories, s.Len()*len(s.Buckets))
			for i, c := range s.Categories {
				require.Less(t, int(c), s.Buckets[i%len(s.Buckets)])
			}
			for _, v := range s.Targets {
				require.True(t, s.Classes == 0 || int(v) < s.Classes)
			}
		}
	})
}
