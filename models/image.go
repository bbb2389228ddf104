package models

import (
	"fmt"

	"github.com/perennial-ml/perennial/compute/op"
)

// MaxImage bounds the elements of an image between two layers.
const MaxImage = 1 << 20

// An Image says how the first Height·Width·Channels dense inputs of a row are an image: line
// by line, the channels of a pixel side by side.
type Image struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels,omitempty" yaml:"channels"` // default 1
}

// A Padding says how a convolution treats the edge of an image.
type Padding string

// The paddings.
const (
	SamePadding Padding = "same" // (size-1)/2 zeros on each side: a stride of 1 keeps height and width
	NoPadding   Padding = "none"
)

// A Pool says how a layer makes an image smaller after its convolution.
type Pool string

// The pools. Their windows lie side by side; what is left over at the edge is dropped.
const (
	MaxPool  Pool = "max"
	MeanPool Pool = "mean"
	NoPool   Pool = "none"
)

// A Conv is a convolutional layer: filters over the image, an activation, and a pool.
type Conv struct {
	Filters  int     `json:"filters" yaml:"filters"`
	Size     int     `json:"size,omitempty" yaml:"size"`           // height and width of a filter; default 3
	Stride   int     `json:"stride,omitempty" yaml:"stride"`       // pixels from one position to the next; default 1
	Padding  Padding `json:"padding,omitempty" yaml:"padding"`     // default same
	Pool     Pool    `json:"pool,omitempty" yaml:"pool"`           // default max
	PoolSize int     `json:"pool_size,omitempty" yaml:"pool_size"` // height and width of a pool's window; default 2
}

// WithDefaults returns m with every unset field at its default.
func (m Image) WithDefaults() Image {
	if m.Channels == 0 {
		m.Channels = 1
	}
	return m
}

// WithDefaults returns c with every unset field at its default.
func (c Conv) WithDefaults() Conv {
	if c.Size == 0 {
		c.Size = 3
	}
	if c.Stride == 0 {
		c.Stride = 1
	}
	if c.Padding == "" {
		c.Padding = SamePadding
	}
	if c.Pool == "" {
		c.Pool = MaxPool
	}
	if c.PoolSize == 0 && c.Pool != NoPool {
		c.PoolSize = 2
	}
	return c
}

// window returns the geometry of the filters, and pool that of the pool.
func (c Conv) window() op.Window {
	w := op.Window{Size: c.Size, Stride: c.Stride}
	if c.Padding == SamePadding {
		w.Padding = (c.Size - 1) / 2
	}
	return w
}

func (c Conv) pool() op.Window { return op.Window{Size: c.PoolSize, Stride: c.PoolSize} }

// A convLayer is a Conv with the images before, between and after convolution and pool.
type convLayer struct {
	Conv
	in, mid, out op.Image
}

// convLayers returns the layers of a spec, or ErrSpec.
func (s Spec) convLayers() ([]convLayer, error) {
	if s.Image == nil {
		return nil, specError("image", "is missing, must say height and width for kind cnn")
	}
	m := s.Image.WithDefaults()
	for _, side := range []struct {
		name string
		n    int
	}{{"height", m.Height}, {"width", m.Width}, {"channels", m.Channels}} {
		if side.n < 1 || side.n > MaxInputs {
			return nil, specError("image."+side.name, "is %d, must be between 1 and %d", side.n, MaxInputs)
		}
	}
	image := op.Image(m)
	if m.Height*m.Width > MaxInputs || image.Size() > s.Dense {
		return nil, specError("image", "has %d x %d x %d elements, must be at most the %d dense inputs", m.Height, m.Width, m.Channels, s.Dense)
	}
	if len(s.Conv) == 0 {
		return nil, specError("conv", "is empty, must list at least one layer for kind cnn")
	}
	if len(s.Conv) > MaxLayers {
		return nil, specError("conv", "has %d layers, must be at most %d", len(s.Conv), MaxLayers)
	}
	layers := make([]convLayer, len(s.Conv))
	for i, c := range s.Conv {
		l := convLayer{Conv: c.WithDefaults(), in: image}
		field := fmt.Sprintf("conv[%d].", i)
		if err := l.check(field); err != nil {
			return nil, err
		}
		image = l.out
		layers[i] = l
	}
	return layers, nil
}

func (l *convLayer) check(field string) error {
	switch {
	case l.Filters < 1 || l.Filters > MaxWidth:
		return specError(field+"filters", "is %d, must be between 1 and %d", l.Filters, MaxWidth)
	case l.Size < 1 || l.Size > MaxInputs:
		return specError(field+"size", "is %d, must be between 1 and %d", l.Size, MaxInputs)
	case l.Stride < 1 || l.Stride > MaxInputs:
		return specError(field+"stride", "is %d, must be between 1 and %d", l.Stride, MaxInputs)
	case l.Padding != SamePadding && l.Padding != NoPadding:
		return specError(field+"padding", "is %q, must be same or none", l.Padding)
	case l.Padding == SamePadding && l.Size%2 == 0:
		return specError(field+"size", "is %d, must be odd for padding same", l.Size)
	case l.Pool != MaxPool && l.Pool != MeanPool && l.Pool != NoPool:
		return specError(field+"pool", "is %q, must be max, mean or none", l.Pool)
	case l.Pool == NoPool && l.PoolSize != 0:
		return specError(field+"pool_size", "is %d, must be absent without a pool", l.PoolSize)
	case l.Pool != NoPool && (l.PoolSize < 1 || l.PoolSize > MaxInputs):
		return specError(field+"pool_size", "is %d, must be between 1 and %d", l.PoolSize, MaxInputs)
	}
	var err error
	if l.mid, err = l.window().Over(l.in, l.Filters); err != nil {
		return specError(field+"size", "is %d, which does not fit on an image of %v", l.Size, l.in)
	}
	if l.mid.Size() > MaxImage {
		return specError(field+"filters", "is %d, which makes images of %v: they hold at most %d elements", l.Filters, l.mid, MaxImage)
	}
	if l.out = l.mid; l.Pool != NoPool {
		if l.out, err = l.pool().Over(l.mid, l.Filters); err != nil {
			return specError(field+"pool_size", "is %d, which does not fit on an image of %v", l.PoolSize, l.mid)
		}
	}
	return nil
}
