package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/models"
)

// minimal is the least that a configuration must say.
const minimal = `models:
  - name: elec2
    task: binary
    features:
      - {name: price, kind: numeric}
      - {name: day, kind: categorical, buckets: 7}
`

func TestMinimalConfigurationIsShortAndHoldsDefaults(t *testing.T) {
	require.Less(t, strings.Count(minimal, "\n"), 15)
	c, err := Parse("learner.yaml", []byte(minimal))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.HTTP.Address)
	require.Equal(t, feedback.ConsentLearn, c.Consent.Default)
	require.Equal(t, filepath.Join("data", "log"), c.Log.Dir)
	m := c.Models[0]
	require.Equal(t, []int{64, 32}, m.Model.Hidden)
	require.Equal(t, 0.001, m.Optimizer[1].AdamW.LearningRate)
	require.Equal(t, 50*time.Millisecond, m.Publish.Every)
	require.Equal(t, uint64(100_000), m.Checkpoint.Records)
	spec, err := m.Spec()
	require.NoError(t, err)
	require.Equal(t, 1, spec.Dense)
	require.Equal(t, []int{7}, spec.Categories)
}

func TestStarterIsAcceptedAsItStands(t *testing.T) {
	c, err := Parse("learner.yaml", Starter())
	require.NoError(t, err)
	require.Equal(t, "clicks", c.Models[0].Name)
}

// with puts lines into the one model of the minimal configuration.
func with(lines string) string {
	return minimal + "    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

// picture is a model of images.
const picture = `models:
  - name: digits
    task: multiclass
    classes: 10
    features:
      - {name: pixels, kind: vector, dim: 784, scale: 255}
    model:
      kind: cnn
      image: {height: 28, width: 28}
      conv:
        - {filters: 16}
        - {filters: 32, pool: mean}
`

func TestAVectorIsAnImage(t *testing.T) {
	c, err := Parse("f", []byte(picture))
	require.NoError(t, err)
	spec, err := c.Models[0].Spec()
	require.NoError(t, err)
	require.Equal(t, &models.Image{Height: 28, Width: 28, Channels: 1}, spec.Image)
	require.Equal(t, models.Conv{Filters: 32, Size: 3, Stride: 1, Padding: "same", Pool: "mean", PoolSize: 2}, spec.Conv[1])
	require.Empty(t, spec.Hidden)
	require.Equal(t, "relu", spec.Activation)
	require.Nil(t, c.Models[0].Model.Hidden)
}

func TestEveryErrorNamesLineFieldAndRule(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, tc := range []struct{ name, file, want string }{
		{"bound of the schema", with("batch: {size: 0}"), "f:7:19: models[0].batch.size: must be at least 1 (got 0)"},
		{"bound over several lines", with("batch:\n  wait: 1s\n  size: 5000"), "f:9:13: models[0].batch.size: must be at most 4096 (got 5000)"},
		{"in a list", with("optimizer:\n- clip: {norm: 1}\n- adamw: {learning_rate: -1}"), "f:9:30: models[0].optimizer[1].adamw.learning_rate: must be above 0 (got -1)"},
		{"type", with("batch: {size: many}"), `f:7:19: models[0].batch.size: must be a whole number (got "many")`},
		{"quoted number", with("batch: {size: '32'}"), `f:7:19: models[0].batch.size: must be a whole number (got "32")`},
		{"fraction of a whole", with("batch: {size: 1.5}"), "f:7:19: models[0].batch.size: must be a whole number (got 1.5)"},
		{"duration without a unit", with("batch: {wait: 20}"), "f:7:19: models[0].batch.wait: must be a duration such as 50ms, 5s or 24h (got 20)"},
		{"duration of words", with("batch: {wait: soon}"), `f:7:19: models[0].batch.wait: must be a duration such as 50ms, 5s or 24h (got "soon")`},
		{"duration beyond all time", with("batch: {wait: 99999999d}"), `f:7:19: models[0].batch.wait: must be a duration such as 50ms, 5s or 24h (got "99999999d")`},
		{"size with a wrong unit", "http: {limits: {body: 4MX}}\n" + minimal, `f:1:23: http.limits.body: must be a size in bytes such as 512, 64KiB or 4MiB (got "4MX")`},
		{"size in words is bounded too", "http: {limits: {body: 1TiB}}\n" + minimal, `f:1:23: http.limits.body: must be between 1024 and 1073741824 (got "1TiB")`},
		{"list for a mapping", with("batch: [1]"), "f:7:5: models[0].batch: must be a mapping (got a list of 1)"},
		{"word of an enum", strings.Replace(minimal, "binary", "binray", 1), `f:3:11: models[0].task: must be one of binary, multiclass, regression (got "binray")`},
		{"missing", strings.Replace(minimal, "    task: binary\n", "", 1), "f:2:5: models[0].task: is required"},
		{"nothing at all", "", "f:1:1: models: is required"},
		{"no model", "models: []", "f:1:1: models: must have at least 1 entry (got a list of 0)"},
		{"key misspelt", with("bacth: {size: 1}"), "f:7:5: models[0].bacth: is not a known key; did you mean batch?"},
		{"key far from all", "http: {zzzzzzzz: 1}\n" + minimal, "f:1:8: http.zzzzzzzz: is not a known key; known are address, admin_token, limits, record, source, traffic"},
		{"key of the root", "sede: 1\n" + minimal, "f:1:1: sede: is not a known key; did you mean seed?"},
		{"set twice", with("segment: a\nsegment: b"), "f:8:5: models[0].segment: is set twice: first on line 7"},
		{"two transforms in one", with("optimizer:\n- {clip: {norm: 1}, sgd: {}}"), "f:8:7: models[0].optimizer[0]: must have at most 1 key (got a mapping)"},
		{"order of transforms", with("optimizer:\n- sgd:\n- clip:"), "f:9:7: models[0].optimizer[1]: is clip after sgd, must come before it: it bounds the gradient, not the step"},
		{"anchor", with("segment: &x a"), "f:7:14: models[0].segment: must not be an anchor: write the value out"},
		{"alias", with("segment: *x"), "f:7:14: models[0].segment: must not be an alias: write the value out"},
		{"tag", with("segment: !!str 1"), "f:7:14: models[0].segment: must not have a tag: the field decides what the value is"},
		{"merge", with("batch:\n  <<: {size: 1}"), "f:8:7: models[0].batch: must not merge another mapping: write its keys out"},
		{"infinity", with("signals: {spread: .inf}"), "f:7:23: models[0].signals.spread: must be a finite number"},
		{"overflowing float", with("signals: {spread: 1e999}"), "f:7:23: models[0].signals.spread: must be a finite number (got 1e999)"},
		{"leading zero", with("batch: {size: 010}"), "f:7:19: models[0].batch.size: is ambiguous: YAML readers disagree about a leading zero; write it without, or quote it (got 010)"},
		{"zero for a default", with("rehearsal: {ratio: 0}"), "f:7:24: models[0].rehearsal.ratio: stands for the default, 1: leave the key out, or write another value (got 0)"},
		{"long value is cut", strings.Replace(minimal, "binary", long, 1), `f:3:11: models[0].task: must be one of binary, multiclass, regression (got "` + long[:40] + `"...)`},
		{"rule of a room", with("signals: {rating: {min: 5, max: 1}}"), "f:7:29: models[0].signals.rating.min: must be below max (got 5)"},
		{"rule of the dictionary", strings.Replace(minimal, "buckets: 7", "dim: 7", 1), "f:6:45: models[0].features[1].dim: must be absent unless the kind is vector (got 7)"},
		{"rule of the spec", with("classes: 3"), "f:7:14: models[0].classes: must be absent for task binary (got 3)"},
		{"hidden layers of a linear model", with("model: {kind: linear, hidden: [3]}"), "f:7:27: models[0].model.hidden: must be absent: a linear model has no hidden layers"},
		{"image of another size", strings.Replace(picture, "784", "783", 1), "f:9:7: models[0].model.image: has 28 x 28 x 1 elements, must be at most the 783 dense inputs"},
		{"filter with an even size", strings.Replace(picture, "filters: 16", "filters: 16, size: 2", 1), "f:11:31: models[0].model.conv[0].size: must be odd for padding same (got 2)"},
		{"dropout of everything", strings.Replace(picture, "kind: cnn", "kind: cnn\n      dropout: 1", 1), "f:9:16: models[0].model.dropout: must be at least 0 and below 1 (got 1)"},
		{"norm of a linear model", with("model: {kind: linear, norm: layer}"), `f:7:33: models[0].model.norm: must be absent for kind linear (got "layer")`},
		{"a group of tensors that are not there", with("optimizer:\n- sgd: {}\n- schedule:\n    groups:\n    - {tensors: hiden.*, factor: 0}"), `f:11:21: models[0].optimizer[1].schedule.groups[0].tensors: must match a tensor that no group before it does; there are ["hidden.0.weight" "hidden.0.bias" "hidden.1.weight" "hidden.1.bias" "output.weight" "output.bias"] (got "hiden.*")`},
		{"class norm of a linear model", with("model: {kind: linear, class_norm: 1}"), `f:7:39: models[0].model.class_norm: must be absent for task binary (got 1)`},
		{"class norm below zero", strings.Replace(picture, "kind: cnn", "kind: cnn\n      class_norm: -1", 1), "f:9:19: models[0].model.class_norm: must be above 0 (got -1)"},
		{"hidden layers that start at zero", with("model: {init: zero}"), `f:7:19: models[0].model.init: must be he, glorot or uniform_fan_in for kind mlp: the units of a hidden layer that start equal stay equal (got "zero")`},
		{"an unknown start", with("model: {init: xavier}"), `f:7:19: models[0].model.init: must be one of he, glorot, uniform_fan_in, zero (got "xavier")`},
		{"two splines", with("model: {splines: 2}"), "f:7:22: models[0].model.splines: must be absent or between 3 and 64 (got 2)"},
		{"splines below none", with("model: {splines: -2}"), "f:7:22: models[0].model.splines: must be at least -1 (got -2)"},
		{"splines of pixels", strings.Replace(picture, "kind: cnn", "kind: cnn\n      splines: 9", 1), "f:9:16: models[0].model.splines: must be absent for kind cnn, which reads an image (got 9)"},
		{"image without height", strings.Replace(picture, "height: 28, ", "", 1), "f:9:7: models[0].model.image.height: is required"},
		{"image of an mlp", strings.Replace(picture, "kind: cnn", "kind: mlp", 1), "f:9:7: models[0].model.image: is set, must be absent for kind mlp"},
		{"an embedding of mlp", with("model: {embedding: 3}"), "f:7:24: models[0].model.embedding: must be absent for kind mlp (got 3)"},
		{"a table of linear", with("model: {kind: linear, table: 8}"), "f:7:34: models[0].model.table: must be absent for kind linear (got 8)"},
		{"an array for a kind that takes none", strings.Replace(minimal, "buckets: 7", "buckets: 7, max: 3", 1), "f:6:57: models[0].features[1].max: must be absent for model.kind mlp, which reads categories one-hot; deepfm, wide_and_deep and sparse_linear read several values (got 3)"},
		{"an array of numbers", strings.Replace(minimal, "kind: numeric", "kind: numeric, max: 3", 1), "f:5:43: models[0].features[0].max: must be absent, with pool, unless the kind is categorical (got 3)"},
		{"a table with fewer rows than buckets", with("model: {kind: deepfm, table: 6}"), "f:6:49: models[0].features[1].buckets: must be at most model.table, 6 (got 7)"},
		{"a guard of every parameter beside a table", with("model: {kind: deepfm}\noptimizer: [{ewc: {}}, {sgd: {}}]"), "f:8:17: models[0].optimizer[0]: is ewc, must be absent for a model with tables: it passes over every parameter"},
		{"rule of the store", with("checkpoint: {keep_for: -1s}"), `f:7:28: models[0].checkpoint.keep_for: must not be negative (got "-1s")`},
		{"rule of the log", "log: {credentials: x}\n" + minimal, `f:1:20: log.credentials: must be empty without url (got "x")`},
		{"kernels of other bits", "compute: {kernels: approx}\n" + minimal, `f:1:20: compute.kernels: must be one of auto, avx512, avx2, portable (got "approx")`},
		{"rule of the server", "http: {limits: {drain: 9s}}\n" + minimal, `f:1:24: http.limits.drain: must be under 5s (got "9s")`},
		{"address", "http: {address: localhost}\n" + minimal, `f:1:17: http.address: must be host:port, with a port from 0 to 65535 (got "localhost")`},
		{"two of one name", minimal + strings.TrimPrefix(strings.Replace(minimal, "elec2", "ELEC2", 1), "models:\n"), `f:7:11: models[1].name: must be unique, upper and lower case alike: models[0] has it (got "ELEC2")`},
		{"name with a slash", strings.Replace(minimal, "elec2", "../x", 1), `f:2:11: models[0].name: must be a name: letters, digits, - and _, at most 64, not starting with - or _ (got "../x")`},
		{"secrets are not shown", "http: {admin_token: hunter2}\n" + minimal, "f:1:21: http.admin_token: must have at least 16 characters"},
		{"not YAML", "models: [", "f:1:9: is not YAML: sequence end token ']' not found"},
		{"tab", "a:\n\t- b", "f:2:1: is not YAML: found character '\t' that cannot start any token"},
		{"two documents", minimal + "---\nseed: 2\n", "f:8:5: must be one document"},
		{"directive", "%YAML 1.1\n---\n" + minimal, "f:1:1: must not have a directive"},
		{"a list", "- 1", "f:1:1: must be a mapping of keys to values (got a list of 1)"},
		{"deep brackets", "a: " + strings.Repeat("[", 100000), "f:1:36: is nested too deep: at most 32 levels"},
		{"deep dashes", strings.Repeat("- ", 100000), "f:1:201: is indented too deep: at most 200 columns"},
		{"wide", strings.Repeat("a: b\n", 2000), "f:1001:1: has too many keys: at most 1000 in one mapping"},
		{"too many words", "a:" + strings.Repeat("\n- b", 200000), "f: is too large: at most 200000 words and signs"},
		{"dash in brackets", "a: [- b]", "f:1:5: is not YAML: a dash inside of brackets"},
		{"complex key", "? a\n: b", "f:1:1: must not have a complex key (?)"},
		{"too long", strings.Repeat("#", maxFile+1), "f: must be at most 1MiB long (got 1048577B)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tc.file))
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, ErrInvalid)
			var all Errors
			require.True(t, errors.As(err, &all))
			require.Len(t, all, 1, "one mistake is one error")
		})
	}
}

func TestAllErrorsOfAFileAreReportedTogetherInItsOrder(t *testing.T) {
	file := "seeed: 3\n" + strings.Replace(minimal, "task: binary", "task: bin", 1) +
		"    batch: {size: 0, wait: -1s}\n    classes: 1\n    signals: {join: {window: 0s}}\n"
	_, err := Parse("f", []byte(file))
	require.EqualError(t, err, strings.Join([]string{
		"f:1:1: seeed: is not a known key; did you mean seed?",
		`f:4:11: models[0].task: must be one of binary, multiclass, regression (got "bin")`,
		"f:8:19: models[0].batch.size: must be at least 1 (got 0)",
		"f:9:14: models[0].classes: must be at least 2 (got 1)",
		`f:10:30: models[0].signals.join.window: stands for the default, 72h: leave the key out, or write another value (got "0s")`,
	}, "\n"))
}

func TestNumbersAreReadAsYAMLWritesThem(t *testing.T) {
	c, err := Parse("f", []byte(with("optimizer:\n- adamw: {learning_rate: 1e-3, epsilon: .5E-7}\nbatch: {size: 1e2}\nseen: {max_ids: 0x10}\n"+
		"signals: {join: {max_bytes: 1.5MiB, window: 1d12h}}")))
	require.NoError(t, err)
	m := c.Models[0]
	require.Equal(t, 1e-3, m.Optimizer[0].AdamW.LearningRate)
	require.Equal(t, .5e-7, m.Optimizer[0].AdamW.Epsilon)
	require.Equal(t, 100, m.Batch.Size)
	require.Equal(t, 16, m.Seen.MaxIDs)
	require.EqualValues(t, 3<<19, m.Signals.Join.MaxBytes)
	require.Equal(t, 36*time.Hour, m.Signals.Join.Window)
}

func TestLoadResolvesPathsAndObeysTheEnvironment(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "learner.yaml")
	require.NoError(t, os.WriteFile(path, []byte("data: store\n"+minimal), 0o600))
	env := map[string]string{}
	getenv := func(name string) string { return env[name] }

	c, err := load(path, getenv)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "store"), c.Data)
	require.Equal(t, filepath.Join(folder, "store", "log"), c.Log.Dir)
	require.Equal(t, filepath.Join(folder, "store", "models", "elec2"), c.Folder("elec2"))

	env["PERENNIAL_DATA"], env["PERENNIAL_HTTP_ADDRESS"] = "/elsewhere", "0.0.0.0:80"
	env["PERENNIAL_LOG_URL"] = "nats://far:4222"
	env["PERENNIAL_HTTP_ADMIN_TOKEN"] = "sixteen characters"
	c, err = load(path, getenv)
	require.NoError(t, err)
	require.Equal(t, "/elsewhere", c.Data)
	require.Equal(t, "0.0.0.0:80", c.HTTP.Address)
	require.Equal(t, "sixteen characters", c.HTTP.AdminToken)
	require.Equal(t, "nats://far:4222", c.Log.URL)
	require.Empty(t, c.Log.Dir, "an external log has no folder")

	env["PERENNIAL_HTTP_ADDRESS"] = "80"
	_, err = load(path, getenv)
	require.EqualError(t, err, `environment: PERENNIAL_HTTP_ADDRESS: must be host:port, with a port from 0 to 65535 (got "80")`)

	_, err = Load(filepath.Join(folder, "missing.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Paths make lines long: what ends a bracket far to the right is no indentation.
func TestALongLineOfBracketsIsNotTooDeep(t *testing.T) {
	path := "/" + strings.Repeat("x", 150)
	cfg, err := Parse("f", fmt.Appendf(nil, "log: {url: 'nats://n', credentials: %s, tls: {ca: %s}}\n%s", path, path, minimal))
	require.NoError(t, err)
	require.Equal(t, path, cfg.Log.TLS.CA)
}
