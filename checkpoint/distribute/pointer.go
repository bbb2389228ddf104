package distribute

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/models/safetensors"
)

var (
	// ErrFenced says that a newer Publisher of the model has taken over. It is
	// final: stop learning, or claim again by NewPublisher.
	ErrFenced = errors.New("distribute: a newer publisher has taken over")
	// ErrStale says that an object no longer holds what its pointer announced,
	// most often because newer versions have replaced it: read the pointer again.
	ErrStale = errors.New("distribute: object is not what was announced")
	// ErrNotFound says that a model or channel was never published.
	ErrNotFound = errors.New("distribute: not found")
	// ErrInvalid says that a name, a setting or a pointer breaks a rule.
	ErrInvalid = errors.New("distribute: invalid")
	// ErrFormat says that a pointer is of a format that this build does not read.
	ErrFormat = errors.New("distribute: unknown format")
)

// format is the version of Pointer's JSON; in wholeFormat, which is read as well, no tensor
// is in chunks.
const (
	format      = 2
	wholeFormat = 1
)

const (
	epochKey      = "epoch"
	channelPrefix = "channel."
)

// maxObject bounds one tensor's bytes.
const maxObject = 4 << 30

// A Pointer is what a channel names: a version, and where its tensors are. It
// is the value of a key, as JSON.
type Pointer struct {
	Format  int                `json:"format"`
	Model   string             `json:"model"`
	Channel string             `json:"channel"`
	Version checkpoint.Version `json:"version"`
	Epoch   uint64             `json:"epoch"` // of the publisher that wrote it last
	Spec    json.RawMessage    `json:"spec,omitempty"`
	Digest  string             `json:"digest"` // safetensors.FrozenDigest of the tensors
	Tensors []Tensor           `json:"tensors"`
}

// A Tensor is one parameter of a published version, row-major float32.
type Tensor struct {
	Name   string `json:"name"`
	Shape  []int  `json:"shape"`
	Digest string `json:"digest"`           // safetensors.TensorDigest
	Size   int64  `json:"size"`             // bytes
	Object string `json:"object,omitempty"` // name in the Object Store, of a tensor that is one chunk
	// Rows is the number of leading rows of each chunk but the last, and Chunks lists
	// them, if there are several.
	Rows   int     `json:"rows,omitempty"`
	Chunks []Chunk `json:"chunks,omitempty"`
}

// A Chunk is a run of leading rows of a tensor.
type Chunk struct {
	Digest string `json:"digest"` // models.Chunk.Digest
	Object string `json:"object"`
}

// chunking says how the tensor falls into chunks.
func (t *Tensor) chunking() models.Chunking {
	c := models.ChunkingOf(t.Shape)[0]
	c.Rows = t.Rows
	if len(t.Chunks) == 0 && len(t.Shape) > 0 {
		c.Rows = t.Shape[0]
	} else if len(t.Chunks) == 0 {
		c.Rows = 1
	}
	return c
}

// list returns the chunks, also of a tensor that is one.
func (t *Tensor) list() []Chunk {
	if len(t.Chunks) == 0 {
		return []Chunk{{Digest: t.Digest, Object: t.Object}}
	}
	return t.Chunks
}

var (
	modelName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	objectName = regexp.MustCompile(`^e[0-9]{1,20}\.[0-9]{1,10}$`)
)

// Bucket returns the name of a model's two buckets.
func Bucket(model string) (string, error) {
	if !modelName.MatchString(model) {
		return "", fmt.Errorf("%w: model %q: want 1 to 64 letters, digits, _ -", ErrInvalid, model)
	}
	return "perennial_" + model, nil
}

func channelKey(channel string) (string, error) {
	if !modelName.MatchString(channel) {
		return "", fmt.Errorf("%w: channel %q: want 1 to 64 letters, digits, _ -", ErrInvalid, channel)
	}
	return channelPrefix + channel, nil
}

// parsePointer reads and bounds a pointer.
func parsePointer(raw []byte) (*Pointer, error) {
	var p Pointer
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, fmt.Errorf("%w: pointer: %w", ErrInvalid, err)
	}
	if p.Format != format && p.Format != wholeFormat {
		return nil, fmt.Errorf("%w: pointer format %d; this build reads up to %d", ErrFormat, p.Format, format)
	}
	if len(p.Tensors) > safetensors.MaxTensors {
		return nil, fmt.Errorf("%w: pointer: %d tensors", ErrInvalid, len(p.Tensors))
	}
	for _, t := range p.Tensors {
		n := int64(4)
		for _, d := range t.Shape {
			if d < 0 || (d > 0 && n > maxObject/int64(d)) {
				return nil, fmt.Errorf("%w: pointer: tensor %q: shape %v", ErrInvalid, t.Name, t.Shape)
			}
			n *= int64(d)
		}
		if t.Name == "" || t.Size != n {
			return nil, fmt.Errorf("%w: pointer: tensor %q: size %d of shape %v", ErrInvalid, t.Name, t.Size, t.Shape)
		}
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("%w: pointer: tensor %q: %w", ErrInvalid, t.Name, err)
		}
	}
	return &p, nil
}

// check holds the chunks against the shape.
func (t *Tensor) check() error {
	if n := len(t.Chunks); n > 0 && (t.Rows < 1 || n == 1 || t.Object != "" || t.chunking().Chunks() != n) {
		return fmt.Errorf("%d chunks of %d rows of shape %v", n, t.Rows, t.Shape)
	}
	for _, c := range t.list() {
		if !objectName.MatchString(c.Object) {
			return fmt.Errorf("object %q", c.Object)
		}
	}
	return nil
}
