package demo

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A demo replaces an earlier one. It must not take a person's own folder for one.
func TestDemoRemovesNothingButADemo(t *testing.T) {
	folder := t.TempDir()
	own := filepath.Join(folder, "learner.yaml")
	require.NoError(t, os.WriteFile(own, []byte("data: ./data\n"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	s := &show{opt: Options{Folder: folder}}
	_, err := s.prepare()
	require.ErrorContains(t, err, "no earlier demo's")
	require.FileExists(t, own)
	require.DirExists(t, filepath.Join(folder, "data"))

	folder = filepath.Join(t.TempDir(), "demo")
	s = &show{opt: Options{Folder: folder}}
	_, err = s.prepare()
	require.NoError(t, err)
	notes := filepath.Join(folder, "notes.txt")
	require.NoError(t, os.WriteFile(notes, []byte("mine"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "data"), 0o700))
	_, err = s.prepare()
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(folder, "data"))
	require.FileExists(t, notes)
}

// No feature of a half-hour may be made of an outcome that was not told by then.
func TestFeaturesKnowNoOutcomeOfTheLastDay(t *testing.T) {
	stream, err := load()
	require.NoError(t, err)
	require.Len(t, stream, 45312)
	for _, at := range []int{0, step, 500*step + 5, 1000*step + step - 1} {
		told := at/step*step - day // outcomes before this one are known
		before := encode(nil, stream, at)
		changed := append([]halfHour(nil), stream...)
		for i := max(0, told); i < len(changed); i++ {
			changed[i].up = !changed[i].up
		}
		require.Equal(t, before, encode(nil, changed, at), "half-hour %d", at)
		require.Len(t, before, len(features))
	}
}

func TestShareStartsAStep(t *testing.T) {
	for _, f := range []float64{freezeAt, killAt, poisonAt} {
		require.Zero(t, share(45312, f)%step)
	}
	require.Less(t, share(45312, poisonAt)+poisoned+2*week, 45312, "the play ends before its last act")
}

func TestSummaryIsWhole(t *testing.T) {
	var out bytes.Buffer
	s := &show{opt: Options{Folder: t.TempDir(), Out: &out, Program: "learner", ASCII: true}, client: &client{base: "http://x"}}
	s.stream = make([]halfHour, 20*week)
	for i := range s.stream {
		for _, who := range []*tally{&s.learner, &s.frozen, &s.yesterday} {
			who.name = "who"
			who.add(i%4 != 0)
		}
	}
	s.sum.poisonFrom, s.sum.poisonTo = 10*week, 12*week
	s.sum.recovered.Hash, s.sum.whole.Hash = "sha256:0123456789abcdef01", "sha256:0123456789abcdef01"
	require.NoError(t, s.summarise())
	require.Contains(t, out.String(), "0.7500")
	require.Contains(t, out.String(), "MISSED", "0.75 is below the aim")
	require.NotContains(t, out.String(), "NaN")
}
