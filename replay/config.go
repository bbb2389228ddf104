package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// Kind names a policy of what to keep.
type Kind string

const (
	// Reservoir keeps every example of the stream with equal probability
	// (algorithm R; Vitter, "Random sampling with a reservoir", 1985).
	Reservoir Kind = "reservoir"
	// ClassBalanced shares the memory out among the classes, however rare, and is
	// a reservoir within each (Chrysakis and Moens, "Online continual learning
	// from imbalanced data", ICML 2020). A soft binary target counts as class 1
	// from 0.5; complementary labels are a class of their own.
	ClassBalanced Kind = "class_balanced"
	// Stratified does for segments what ClassBalanced does for classes.
	Stratified Kind = "stratified"
	// RecencyMixed keeps the latest examples for certain, in a part of the memory,
	// and a reservoir of the earlier ones in the rest.
	RecencyMixed Kind = "recency"
	// RingBuffer keeps the latest examples of each class or segment (Chaudhry et
	// al., "On tiny episodic memories in continual learning", 2019).
	RingBuffer Kind = "ring"
	// GDumb keeps the first examples of each class, and evens out the classes
	// (Prabhu et al., "GDumb: a simple approach that questions our progress in
	// continual learning", ECCV 2020, algorithm 1).
	GDumb Kind = "gdumb"
	// Herding keeps the examples of a class whose features are closest to its mean,
	// as a set (Rebuffi et al., "iCaRL: incremental classifier and representation
	// learning", CVPR 2017), over a stream. It needs a Judge.
	Herding Kind = "herding"
	// GSS keeps examples whose gradients point to different sides (Aljundi et al.,
	// "Gradient based sample selection for online continual learning", NeurIPS 2019,
	// algorithm 2, GSS-greedy). It needs a Judge.
	GSS Kind = "gss"
	// LossAware is a reservoir that lets go first of what is learned well and of
	// classes that have much (Buzzega et al., "Rethinking experience replay: a bag of
	// tricks for continual learning", ICPR 2020). It needs a Judge.
	LossAware Kind = "loss_aware"
)

// Kinds lists the kinds, by their code in a state, from 1.
func Kinds() []Kind {
	return []Kind{Reservoir, ClassBalanced, Stratified, RecencyMixed, RingBuffer, GDumb, Herding, GSS, LossAware}
}

// grouped says that memories of the kind always tell groups apart.
func (k Kind) grouped() bool { return k != Reservoir && k != RecencyMixed }

// Judged says that memories of the kind need a Judge.
func (k Kind) Judged() bool { return k == Herding || k == GSS || k == LossAware }

// A Grouping says by what a ring tells groups apart.
type Grouping string

// The groupings.
const (
	ByClass   Grouping = "class"
	BySegment Grouping = "segment"
)

// A Storage says how dense features are held.
type Storage string

const (
	// Float32 holds them as they came.
	Float32 Storage = "float32"
	// Uint8 holds features of the form k/255, as those of images are, in a byte each.
	// They come back bit for bit if they were the float32 nearest to k/255. An example
	// with a feature that is further than PackTolerance from that form is held as
	// it came, and counted in Whole.
	Uint8 Storage = "uint8"
)

// MaxCapacity bounds Config.Capacity.
const MaxCapacity = 1 << 26

// MaxCompare bounds Config.Compare and Retrieve.Candidates.
const MaxCompare = 4096

// leastBytes is the least MaxBytes beside that of groups.
const leastBytes = 4096

// maxGroups bounds Config.MaxGroups.
const maxGroups = 1 << 16

// A Config says what a memory keeps, and how much.
type Config struct {
	// Kind is the policy. Default reservoir.
	Kind Kind `yaml:"kind" json:"kind,omitempty"`
	// Capacity is the largest number of examples held. Default 10,000; with MaxBytes
	// set, MaxCapacity.
	Capacity int `yaml:"capacity" json:"capacity,omitempty"`
	// Recent is the share of the capacity that holds the latest examples, in
	// (0, 1); for recency alone. Each part has room for at least one example.
	// Default 0.5.
	Recent float64 `yaml:"recent" json:"recent,omitempty"`
	// MaxGroups bounds the classes or segments told apart; for kinds that do. All
	// that come later share one group more. Default 1,024.
	MaxGroups int `yaml:"max_groups" json:"max_groups,omitempty"`
	// MaxBytes bounds what Bytes returns; 0 is no bound. An arrival then replaces, and
	// if that is not enough takes the place of, more than one example; an example
	// that is too large by itself is not kept.
	MaxBytes int64 `yaml:"max_bytes" json:"max_bytes,omitempty"`
	// By is what a ring tells apart. Default class.
	By Grouping `yaml:"by" json:"by,omitempty"`
	// Compare is the number of examples held with whose gradients gss compares those
	// of newcomers, and of members of a class among which herding chooses the one that
	// gives way. Default 10; for herding 3.
	Compare int `yaml:"compare" json:"compare,omitempty"`
	// Store is how dense features are held. Default float32.
	Store Storage `yaml:"store" json:"store,omitempty"`
	// Logits has the learner keep its logits beside each example, as they were when
	// it was first learned from; they stay as the weights move on, as distillation
	// from one's past self (DER) wants them.
	Logits bool `yaml:"logits" json:"logits,omitempty"`
	// Retrieve is which of the examples held are rehearsed.
	Retrieve Retrieve `yaml:"retrieve" json:"retrieve,omitzero"`
}

// WithDefaults returns c with every unset field at its documented default.
func (c Config) WithDefaults() Config {
	if c.Kind == "" {
		c.Kind = Reservoir
	}
	if c.Capacity == 0 {
		c.Capacity = 10_000
		if c.MaxBytes > 0 {
			c.Capacity = MaxCapacity
		}
	}
	if c.Recent == 0 {
		c.Recent = 0.5
	}
	if c.MaxGroups == 0 {
		c.MaxGroups = 1024
	}
	if c.By == "" {
		c.By = ByClass
	}
	if c.Compare == 0 {
		c.Compare = 10
		if c.Kind == Herding {
			c.Compare = 3
		}
	}
	if c.Store == "" {
		c.Store = Float32
	}
	c.Retrieve = c.Retrieve.WithDefaults()
	return c
}

// Validate reports the first field that breaks a rule.
func (c Config) Validate() error {
	if !slices.Contains(Kinds(), c.Kind) {
		return fmt.Errorf("replay.kind: must be one of %s, got %q", names(Kinds()), c.Kind)
	}
	least := 1
	if c.Kind == RecencyMixed {
		least = 2
	}
	switch {
	case c.Capacity < least || c.Capacity > MaxCapacity:
		return fmt.Errorf("replay.capacity: must be in [%d, %d] for kind %s, got %d", least, MaxCapacity, c.Kind, c.Capacity)
	case c.Kind == RecencyMixed && !(c.Recent > 0 && c.Recent < 1):
		return fmt.Errorf("replay.recent: must be in (0, 1), got %v", c.Recent)
	case c.MaxGroups < 1 || c.MaxGroups > maxGroups:
		return fmt.Errorf("replay.max_groups: must be in [1, %d], got %d", maxGroups, c.MaxGroups)
	case c.MaxBytes != 0 && c.MaxBytes < c.leastBytes():
		return fmt.Errorf("replay.max_bytes: must be 0, or at least %d with max_groups %d, got %d", c.leastBytes(), c.MaxGroups, c.MaxBytes)
	case c.By != ByClass && c.By != BySegment:
		return fmt.Errorf("replay.by: must be one of %s, %s, got %q", ByClass, BySegment, c.By)
	case c.By == BySegment && c.Kind != RingBuffer:
		return fmt.Errorf("replay.by: must be %s for kind %s: only a ring goes by either; stratified goes by segments", ByClass, c.Kind)
	case c.Compare < 1 || c.Compare > MaxCompare:
		return fmt.Errorf("replay.compare: must be in [1, %d], got %d", MaxCompare, c.Compare)
	case c.Store != Float32 && c.Store != Uint8:
		return fmt.Errorf("replay.store: must be one of %s, %s, got %q", Float32, Uint8, c.Store)
	case c.Retrieve.Kind == Balanced && c.Kind == RecencyMixed:
		return fmt.Errorf("replay.retrieve.kind: must not be %s for kind %s, which tells no groups apart; %s and %s do",
			Balanced, c.Kind, Reservoir, ClassBalanced)
	}
	return c.Retrieve.Validate()
}

// limits returns what bounds the store.
func (c Config) limits() store.Limits {
	return store.Limits{Capacity: c.Capacity, MaxBytes: c.MaxBytes, MaxGroups: c.MaxGroups}
}

// page returns the number of slots to a page of examples.
func (c Config) page() int { return column.Page(c.limits().Most()) }

// leastBytes is the least MaxBytes: what the groups may take, and something to hold.
func (c Config) leastBytes() int64 {
	if c.Kind.grouped() || c.Retrieve.Kind == Balanced {
		return leastBytes + store.GroupBytes*int64(c.MaxGroups+1)
	}
	return leastBytes
}

// names lists values in the text of an error.
func names[T ~string](list []T) string {
	text := make([]string, len(list))
	for i, v := range list {
		text[i] = string(v)
	}
	return strings.Join(text, ", ")
}
