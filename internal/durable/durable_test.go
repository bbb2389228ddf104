package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/internal/durable"
)

// both runs a test on the machine's file system and on the simulated one.
func both(t *testing.T, test func(t *testing.T, fsys durable.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, durable.OS{}, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := durable.NewMem()
		require.NoError(t, m.Mkdir("/d"))
		test(t, m, "/d")
	})
}

func TestFileSystemsAgree(t *testing.T) {
	both(t, func(t *testing.T, fsys durable.FS, dir string) {
		deep := filepath.Join(dir, "a", "b")
		require.NoError(t, durable.MkdirAll(fsys, deep))
		require.NoError(t, durable.MkdirAll(fsys, deep), "a folder that exists is no error")

		name := filepath.Join(deep, "x")
		_, err := fsys.Open(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = fsys.Size(name)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Error(t, fsys.Remove(name))

		require.NoError(t, durable.WriteFile(fsys, name, []byte("one"), nil, "x"))
		require.NoError(t, durable.WriteFile(fsys, name, []byte("second"), nil, "x"))
		got, err := durable.ReadFile(fsys, name, 6)
		require.NoError(t, err)
		require.Equal(t, "second", string(got))
		_, err = durable.ReadFile(fsys, name, 5)
		require.ErrorIs(t, err, durable.ErrTooLarge)

		_, err = fsys.Create(name)
		require.ErrorIs(t, err, fs.ErrExist)
		size, err := fsys.Size(name)
		require.NoError(t, err)
		require.EqualValues(t, 6, size)
		_, err = fsys.Size(deep)
		require.ErrorIs(t, err, fs.ErrInvalid, "a folder has no size")

		names, err := fsys.List(deep)
		require.NoError(t, err)
		require.Equal(t, []string{"x"}, names, "no temporary file stays")

		f, err := fsys.Open(name)
		require.NoError(t, err)
		require.NoError(t, fsys.Remove(name))
		buf := make([]byte, 6)
		_, err = f.Read(buf)
		require.NoError(t, err)
		require.Equal(t, "second", string(buf), "an open file outlives its name")
		require.NoError(t, f.Close())
	})
}

func TestLockHasOneHolder(t *testing.T) {
	both(t, func(t *testing.T, fsys durable.FS, dir string) {
		name := filepath.Join(dir, "lock")
		lock, err := fsys.Lock(name)
		require.NoError(t, err)
		_, err = fsys.Lock(name)
		require.ErrorIs(t, err, durable.ErrLocked)
		require.NoError(t, lock.Close())
		lock, err = fsys.Lock(name)
		require.NoError(t, err)
		require.NoError(t, lock.Close())
	})
}

func TestWriteFileReplacesALeftover(t *testing.T) {
	both(t, func(t *testing.T, fsys durable.FS, dir string) {
		name := filepath.Join(dir, "x")
		require.NoError(t, durable.StageFile(fsys, name, []byte("half"), nil, "x"))
		require.NoError(t, durable.WriteFile(fsys, name, []byte("whole"), nil, "x"))
		got, err := durable.ReadFile(fsys, name, 100)
		require.NoError(t, err)
		require.Equal(t, "whole", string(got))
	})
}

// Stop the machine at every step, and let the disk keep any part of what was not
// synced: the file is the old one or the new one, and new once WriteFile said so.
func TestWriteFileSurvivesACrashAtEveryStep(t *testing.T) {
	for step := 0; ; step++ {
		m := durable.NewMem()
		require.NoError(t, m.Mkdir("/d"))
		require.NoError(t, m.SyncDir("/"))
		require.NoError(t, durable.WriteFile(m, "/d/x", []byte("old"), nil, "x"))
		m.FailFrom(step)
		err := durable.WriteFile(m, "/d/x", []byte("newer"), nil, "x")
		for seed := range 20 {
			var random *rand.Rand
			if seed > 0 {
				random = rand.New(rand.NewPCG(uint64(step), uint64(seed)))
			}
			got, rerr := durable.ReadFile(m.Crash(random), "/d/x", 100)
			require.NoError(t, rerr, "step %d, seed %d: neither is there", step, seed)
			if err == nil {
				require.Equal(t, "newer", string(got), "step %d, seed %d: lost after success", step, seed)
			} else {
				require.ErrorIs(t, err, durable.ErrCrashed)
				require.Contains(t, []string{"old", "newer"}, string(got), "step %d, seed %d", step, seed)
			}
		}
		if err == nil {
			require.Greater(t, step, 3, "the write has more steps than that")
			return
		}
	}
}

// The simulation is only worth something if it does forget.
func TestMemForgetsWhatWasNotSynced(t *testing.T) {
	write := func(t *testing.T, m *durable.Mem, sync bool) durable.File {
		f, err := m.Create("/d/x")
		require.NoError(t, err)
		_, err = f.Write([]byte("content"))
		require.NoError(t, err)
		if sync {
			require.NoError(t, f.Sync())
		}
		return f
	}
	for _, tc := range []struct {
		name              string
		syncFile, syncDir bool
		want              string
		lost              bool
	}{
		{"neither", false, false, "", true},
		{"content only", true, false, "", true},
		{"name only", false, true, "", false},
		{"both", true, true, "content", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := durable.NewMem()
			require.NoError(t, m.Mkdir("/d"))
			require.NoError(t, m.SyncDir("/"))
			write(t, m, tc.syncFile)
			if tc.syncDir {
				require.NoError(t, m.SyncDir("/d"))
			}
			got, err := durable.ReadFile(m.Crash(nil), "/d/x", 100)
			if tc.lost {
				require.ErrorIs(t, err, fs.ErrNotExist)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, string(got))
		})
	}
}

func TestHookSeesEachStepAndCanFailIt(t *testing.T) {
	var seen []string
	m := durable.NewMem()
	require.NoError(t, m.Mkdir("/d"))
	record := func(point string) error { seen = append(seen, point); return nil }
	require.NoError(t, durable.WriteFile(m, "/d/x", nil, record, "w"))
	require.Equal(t, []string{
		"w.sync:before", "w.sync:after", "w.rename:before", "w.rename:after", "w.syncdir:before", "w.syncdir:after",
	}, seen)
	for _, at := range seen {
		stop := errors.New("stop")
		err := durable.WriteFile(m, "/d/x", []byte(at), func(point string) error {
			if point == at {
				return stop
			}
			return nil
		}, "w")
		require.ErrorIs(t, err, stop, at)
		require.ErrorContains(t, err, at)
	}
}

func ExampleWriteFile() {
	disk := durable.NewMem()
	if err := durable.WriteFile(disk, "/state", []byte("position 41"), nil, "state"); err != nil {
		fmt.Println(err)
	}
	disk.FailFrom(2) // the power goes while the next one is written
	err := durable.WriteFile(disk, "/state", []byte("position 42"), nil, "state")
	fmt.Println(errors.Is(err, durable.ErrCrashed))
	found, err := durable.ReadFile(disk.Crash(nil), "/state", 100)
	fmt.Println(string(found), err)
	// Output:
	// true
	// position 41 <nil>
}

// Whoever is kept out wants to know by whom.
func TestLockSaysWhoHoldsIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	lock, err := durable.OS{}.Lock(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, lock.Close()) }()
	_, err = durable.OS{}.Lock(name)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", os.Getpid()))
}
