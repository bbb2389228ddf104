package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const benchSuite = `
name: small
title: Split-MNIST on a sample
source: nobody
data: mnist
scenario: {kind: split, tasks: 5}
seeds: [1, 2]
learner:
  model: {kind: mlp, hidden: [8]}
methods:
  - {name: er, published: 1}
  - {name: majority, baseline: majority}
`

const benchData = "../../../bench/data/testdata"

func TestBenchRunsASuiteOfOnesOwnAndGoesOn(t *testing.T) {
	s := newShell(t)
	file := filepath.Join(s.folder, "small.yaml")
	require.NoError(t, os.WriteFile(file, []byte(benchSuite), 0o600))
	results := filepath.Join(s.folder, "results")
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	status, _, errs := s.runUntil(interrupted, "bench", "run", file, "--data", benchData, "--results", results, "--seeds", "1")
	require.Equal(t, 130, status)
	require.Contains(t, errs, "interrupted")

	status, out, errs := s.run("bench", "run", file, "--data", benchData, "--results", results, "--seeds", "1")
	require.Zero(t, status, errs)
	require.Regexp(t, `er +[\d.]+ +- +1 +1.00`, out)
	require.Contains(t, errs, "small/majority, seed 1: ")
	require.Regexp(t, "warning: data set mnist: .*does not compare with published figures", errs, "the sample is no whole MNIST")
	require.FileExists(t, filepath.Join(results, "small.md"))

	status, out, errs = s.run("bench", "run", file, "--data", benchData, "--results", results, "--json")
	require.Zero(t, status, errs)
	require.Contains(t, errs, "2 run(s) were there already")
	var lines []struct {
		Method string
		Figure []float64
	}
	require.NoError(t, json.Unmarshal([]byte(out), &lines))
	require.Len(t, lines, 2)
	require.Len(t, lines[0].Figure, 2)

	status, _, errs = s.run("bench", "run", file, "--data", benchData, "--results", results, "--validation", "0.2", "--seeds", "1")
	require.Zero(t, status, errs)
	require.FileExists(t, filepath.Join(results, "small-validation.md"), "settings and results are kept apart")
	status, _, errs = s.run("bench", "report", file, "--results", results)
	require.Zero(t, status, errs)
}

func TestBenchSaysWhatIsWrong(t *testing.T) {
	s := newShell(t)
	status, _, errs := s.run("bench", "run", "nothing", "--data", benchData)
	require.Equal(t, 2, status)
	require.Contains(t, errs, "d-avalanche", "the suites that there are")
	status, _, errs = s.run("bench", "run", "d-avalanche", "--data", s.folder, "--results", s.folder)
	require.Equal(t, 1, status)
	require.Contains(t, errs, "mnist/train-images-idx3-ubyte.gz (from https://")
	for _, flag := range [][]string{
		{"--seeds", "0", `--seeds: must be whole numbers from 1, got "0"`},
		{"--seeds", "1,x", `--seeds: must be whole numbers from 1, got "x"`},
		{"--method", "none,nope", `--method: suite d-avalanche has no method "nope"; there is majority, `},
		{"--validation", "1", "--validation: must be at least 0 and below 1, got 1"},
		{"--seeds", "2,1,2", "--seeds: must differ, got 2 twice"},
		{"--jobs", "0", "--jobs: must be at least 1, got 0"},
		{"--validation", "-0.5", "--validation: must be at least 0 and below 1, got -0.5"},
	} {
		status, _, errs = s.run("bench", "run", "d-avalanche", "--data", benchData, "--results", s.folder, flag[0], flag[1])
		require.Equal(t, 2, status, flag)
		require.Contains(t, errs, flag[2])
	}
	status, _, errs = s.run("bench", "data", "nothing")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "movielens")
}

func TestBenchDataTellsWhatIsThereFromWhatIsWrong(t *testing.T) {
	s := newShell(t)
	status, out, _ := s.run("bench", "data", "covertype", "--data", s.folder, "--json")
	require.Zero(t, status)
	require.Contains(t, out, `"status": "missing"`)
	// The sample is no whole MNIST, and its hash shows it.
	status, out, errs := s.run("bench", "data", "mnist", "--data", benchData)
	require.Equal(t, 3, status)
	require.Contains(t, out, "differs")
	require.Contains(t, errs, "damage")
	status, out, errs = s.run("bench", "list", "--json")
	require.Zero(t, status, errs)
	var list []struct{ Name string }
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.NotEmpty(t, list)
}
