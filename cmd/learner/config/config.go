package config

import (
	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/compute"
	"github.com/perennial-ml/perennial/engine"
	"github.com/perennial-ml/perennial/engine/arm"
	"github.com/perennial-ml/perennial/engine/batch"
	"github.com/perennial-ml/perennial/engine/signal"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/feedback/feature"
	"github.com/perennial-ml/perennial/guard"
	"github.com/perennial-ml/perennial/ledger"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/optim"
	"github.com/perennial-ml/perennial/replay"
	"github.com/perennial-ml/perennial/serve"
)

// Config configures one learner process.
type Config struct {
	// Data is the folder of everything durable: the embedded log and the
	// checkpoints. A relative path starts at the folder of the file.
	Data string `yaml:"data" json:"data"`
	// Seed is the root of every random stream: with it and the log, a state is
	// determined.
	Seed    uint64        `yaml:"seed" json:"seed"`
	HTTP    serve.Config  `yaml:"http" json:"http"`
	Consent Consent       `yaml:"consent" json:"consent"`
	Log     ledger.Config `yaml:"log" json:"log"`
	// Compute says by which kernels, on how many threads. No state depends on it.
	Compute compute.Settings `yaml:"compute" json:"compute"`
	Models  []Model          `yaml:"models" json:"models"`
}

// Consent says what events without the attribute consent are taken to allow.
type Consent struct {
	// Default is none (refused, nothing stored), measure (scored, never learned)
	// or learn. The process names it at start.
	Default feedback.Consent `yaml:"default" json:"default"`
}

// Model configures one model: its own log, state and folder.
type Model struct {
	// Name is the model's name in the API, its stream and its folder.
	Name string `yaml:"name" json:"name"`
	// Task says what the outputs mean: binary [p(1)], multiclass the class
	// probabilities, regression [value].
	Task models.Task `yaml:"task" json:"task"`
	// Classes is the number of classes; for multiclass alone.
	Classes int `yaml:"classes" json:"classes"`
	// MaxClasses is the number of classes that the model may grow to, by feedback that
	// names a class beyond those it knows; for multiclass alone. Without it, Classes
	// stay as they are.
	MaxClasses int `yaml:"max_classes" json:"max_classes"`
	// Features is the dictionary of what the model sees, in the order of the
	// columns.
	Features []feature.Feature `yaml:"features" json:"features"`
	// UnknownFeatures is the policy for features that the dictionary does not
	// have: refuse the event, or ignore them.
	UnknownFeatures feature.Policy `yaml:"unknown_features" json:"unknown_features"`
	// Model is the architecture.
	Model Architecture `yaml:"model" json:"model"`
	// Optimizer lists the transforms of a gradient in the order in which they
	// apply.
	Optimizer []optim.Config `yaml:"optimizer" json:"optimizer"`
	// Strategy fills in what is left open of replay, rehearsal and loss, of model.init for mlp,
	// and for binary of optimizer and of model.splines.
	Strategy  string        `yaml:"strategy" json:"strategy"`
	Replay    replay.Config `yaml:"replay" json:"replay"`
	Rehearsal arm.Rehearsal `yaml:"rehearsal" json:"rehearsal"`
	Loss      arm.Loss      `yaml:"loss" json:"loss"`
	// Projection bounds a step by rehearsed examples.
	Projection arm.Projection `yaml:"projection" json:"projection"`
	// Consolidation says when a phase of learning ends.
	Consolidation arm.Consolidation `yaml:"consolidation" json:"consolidation"`
	Batch         engine.Batch      `yaml:"batch" json:"batch"`
	// MaxEventBytes bounds the payload of one event.
	MaxEventBytes int           `yaml:"max_event_bytes" json:"max_event_bytes"`
	Signals       signal.Config `yaml:"signals" json:"signals"`
	// Segment names the segment label that metrics and memories go by; without
	// one, everything is one segment.
	Segment string `yaml:"segment" json:"segment"`
	// Heads gives segments classes of their own; for multiclass alone.
	Heads      batch.Heads       `yaml:"heads" json:"heads"`
	Metrics    engine.Metrics    `yaml:"metrics" json:"metrics"`
	Seen       engine.Seen       `yaml:"seen" json:"seen"`
	Publish    engine.Publishing `yaml:"publish" json:"publish"`
	Promote    guard.Config      `yaml:"promote" json:"promote"`
	Checkpoint Checkpoint        `yaml:"checkpoint" json:"checkpoint"`
}

// Architecture says which graph a model is; its inputs follow from the features.
type Architecture struct {
	// Kind names the architecture: linear, mlp, cnn, or for hashed categories deepfm,
	// wide_and_deep or sparse_linear.
	Kind string `yaml:"kind" json:"kind"`
	// Image says how the first numbers of the features are an image; for cnn alone. It is best
	// a vector of height x width x channels elements that comes before all other numbers: line
	// by line, the channels of a pixel side by side. What other features there are join the
	// hidden layers.
	Image *models.Image `yaml:"image" json:"image"`
	// Conv lists the convolutional layers over the image; for cnn alone, at least one.
	Conv []models.Conv `yaml:"conv" json:"conv"`
	// Hidden lists the widths of the hidden layers; for mlp, deepfm and wide_and_deep
	// ([64, 32] by default) and cnn (none).
	Hidden []int `yaml:"hidden" json:"hidden"`
	// Activation follows each hidden and each convolutional layer; for mlp, cnn, deepfm and
	// wide_and_deep.
	Activation string `yaml:"activation" json:"activation"`
	// Init says how weights start: uniform with variance 2/in before a relu or gelu and 2/(in+out)
	// elsewhere (he), 2/(in+out) everywhere (glorot), weights and biases uniform in ±1/sqrt(in), as
	// PyTorch's layers do (uniform_fan_in), or at 0 (zero; for linear and sparse_linear alone).
	// Absent: he, and zero for sparse_linear, which takes no other; uniform_fan_in for mlp with
	// strategy default.
	Init models.Init `yaml:"init" json:"init"`
	// Norm brings the results of each hidden and each convolutional layer to one scale, before
	// the activation: layer (over a hidden layer, or over the channels of each pixel). Absent:
	// none. For the kinds with an activation.
	Norm models.Norm `yaml:"norm" json:"norm"`
	// ClassNorm is the length at which the last layer holds the weights of each class, which
	// then differ in their direction alone, without a bias: a class cannot outgrow another. For
	// mlp and cnn with task multiclass. Absent: an affine layer.
	ClassNorm float64 `yaml:"class_norm" json:"class_norm"`
	// Dropout is the probability with which an element of a hidden layer's result, or of the
	// last image, is left out in training; never in predictions. For the kinds with an
	// activation.
	Dropout float64 `yaml:"dropout" json:"dropout"`
	// Embedding is the width of the vectors that categories are looked up as; for deepfm and
	// wide_and_deep (16 by default).
	Embedding int `yaml:"embedding" json:"embedding"`
	// Table is the number of rows of one table that all categorical features share, each of
	// which has at most as many buckets; for deepfm, wide_and_deep and sparse_linear. Without
	// it each feature has a row for each of its buckets.
	Table int `yaml:"table" json:"table"`
	// Splines is the number of columns in which each number is told apart by its size, beside
	// the number itself, so that a layer computes a piecewise linear function of it: hat
	// functions with their peaks evenly spaced from -2 to 2, 3 to 64 of them. Numbers should be
	// standardised (mean and scale of the feature). For all kinds but cnn. Absent or -1: none;
	// absent with strategy default, kind mlp, task binary and at most 64 numbers: 9.
	Splines int `yaml:"splines" json:"splines"`
}

// Checkpoint says when a durable version is due and how long it stays.
type Checkpoint struct {
	engine.Cadence    `yaml:",inline"`
	checkpoint.Config `yaml:",inline"`
}
