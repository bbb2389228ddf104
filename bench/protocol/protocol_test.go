package protocol_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/protocol"
	"github.com/perennial-ml/perennial/bench/suites"
	"github.com/perennial-ml/perennial/models"
)

const small = `
name: small
data: mnist
scenario: {kind: split, tasks: 5}
learner:
  model: {kind: mlp, hidden: [8]}
  optimizer: [{sgd: {learning_rate: 0.1}}]
methods:
  - {name: none, learner: {rehearsal: {ratio: -1}}}
  - {name: er, learner: {replay: {capacity: 50}}}
  - {name: majority, baseline: majority}
`

func read(t *testing.T, text string) protocol.Suite {
	t.Helper()
	s, err := protocol.Read("test.yaml", strings.NewReader(text))
	require.NoError(t, err)
	return s
}

func TestEverySuiteThatShipsReadsAndIsNamedAsItsFile(t *testing.T) {
	names, err := protocol.Names(suites.FS)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		s, err := protocol.Open(suites.FS, name)
		require.NoError(t, err, name)
		require.Equal(t, name, s.Name)
		require.NotEmpty(t, s.Source, name)
		require.GreaterOrEqual(t, len(s.Seeds), 3, "%s: a spread takes three seeds", name)
	}
}

func TestTheSuitesThatTheDefaultStrategyWasChosenByRead(t *testing.T) {
	files, err := filepath.Glob("../../docs/results/default/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		s, err := protocol.Open(suites.FS, file)
		require.NoError(t, err, file)
		require.Equal(t, "choose-"+strings.TrimSuffix(filepath.Base(file), ".yaml"), s.Name)
	}
}

func TestAWrongKeyOfAMethodIsNamedAsTheSuiteHasIt(t *testing.T) {
	_, err := protocol.Read("test.yaml", strings.NewReader(strings.Replace(small, "capacity", "capcity", 1)))
	require.ErrorContains(t, err, "test.yaml: methods[1]: learner: replay.capcity: is not a known key; did you mean capacity?")
}

func TestAMethodsLearnerIsTheConfigurationsOwn(t *testing.T) {
	s := read(t, small)
	er, _ := s.Method("er")
	cfg, err := s.Engine(er, protocol.Shape{Inputs: 784, Classes: 10}, 7)
	require.NoError(t, err)
	require.EqualValues(t, 7, cfg.Seed)
	require.Equal(t, models.Multiclass, cfg.Spec.Task)
	require.Equal(t, 784, cfg.Spec.Dense)
	require.Equal(t, []int{8}, cfg.Spec.Hidden)
	require.Equal(t, 50, cfg.Arms[0].Replay.Capacity)
	require.InDelta(t, 1, cfg.Arms[0].Rehearsal.Ratio, 0, "the configuration's default")
	none, _ := s.Method("none")
	cfg, err = s.Engine(none, protocol.Shape{Inputs: 3, Buckets: []int{5}, Classes: 10}, 7)
	require.NoError(t, err)
	require.InDelta(t, -1, cfg.Arms[0].Rehearsal.Ratio, 0)
	require.Equal(t, []int{5}, cfg.Spec.Categories)
	growing := read(t, strings.Replace(small, "learner:\n  model", "learner:\n  max_classes: 10\n  model", 1))
	cfg, err = growing.Engine(er, protocol.Shape{Inputs: 784, Classes: 10}, 7)
	require.NoError(t, err)
	require.Equal(t, 2, cfg.Spec.Classes, "a head that grows starts with as few classes as there can be")
	require.Equal(t, 10, cfg.MaxClasses)
}

func TestDigestsTellApartWhatDecidesFigures(t *testing.T) {
	s := read(t, small)
	er, _ := s.Method("er")
	digest := s.Digest(er)
	retitled := read(t, strings.Replace(small, "name: small", "name: small\ntitle: Another", 1))
	require.Equal(t, digest, retitled.Digest(er))
	for _, change := range [][2]string{
		{"tasks: 5", "tasks: 2"}, {"capacity: 50", "capacity: 51"}, {"0.1", "0.2"}, {"data: mnist", "data: fashion-mnist"},
		{"name: small", "name: small\nepochs: 2"}, {"name: small", "name: small\nlook: {every: 5}"},
	} {
		other := read(t, strings.Replace(small, change[0], change[1], 1))
		m, _ := other.Method("er")
		require.NotEqual(t, digest, other.Digest(m), change[1])
	}
}

func TestErrorsNameFieldAndRule(t *testing.T) {
	for _, tc := range []struct{ from, to, want string }{
		{"name: small", "name: Small", "name: must be"},
		{"data: mnist", "data: nothing", "data: "},
		{"tasks: 5", "tasks: 0", "scenario.tasks"},
		{"kind: split", "colour: red", "colour"},
		{"learning_rate: 0.1", "learning_rate: -1", "learning_rate"},
		{"sgd:", "sdg:", "optimizer"},
		{"capacity: 50", "capacity: 0.5", "replay.capacity"},
		{"name: er,", "name: none,", "taken by an earlier"},
		{"baseline: majority", "baseline: luck", "methods[2]: baseline"},
		{"baseline: majority", "baseline: majority, joint: true", "learns nothing"},
		{"name: small", "name: small\nepochs: 1\niterations: 1", "epochs, iterations"},
		{"name: small", "name: small\nfigure: beauty", "figure"},
		{"name: small", "name: small\nseeds: [1, 2, 1]", "seeds: must differ, got 1 twice"},
		{"kind: mlp", "kind: magic", "model.kind"},
		{"rehearsal: {ratio: -1}", "classes: 3", "learner.classes: must be absent"},
		{"methods:", "methods: []\nother:", "other"},
		{"name: small", "{", "YAML"},
	} {
		_, err := protocol.Read("test.yaml", strings.NewReader(strings.Replace(small, tc.from, tc.to, 1)))
		require.ErrorIs(t, err, protocol.ErrSuite, tc.to)
		if tc.want != "YAML" {
			require.ErrorContains(t, err, tc.want)
		}
		require.ErrorContains(t, err, "test.yaml")
	}
	_, err := protocol.Open(suites.FS, "nothing")
	require.ErrorContains(t, err, "d-avalanche")
}

func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add("name: [")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := protocol.Read("fuzz", strings.NewReader(text))
		if err != nil {
			require.ErrorIs(t, err, protocol.ErrSuite)
			return
		}
		for _, m := range s.Methods {
			require.NotEmpty(t, s.Digest(m))
		}
	})
}
