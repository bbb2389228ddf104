package op

import (
	"fmt"

	"gorgonia.org/tensor"
)

// An Image says how a row of a matrix holds an image: line by line, the channels of a pixel
// side by side. Channel c of the pixel in line i, column j is element (i Width + j) Channels + c.
type Image struct{ Height, Width, Channels int }

// Size is the number of elements of an image.
func (m Image) Size() int { return m.Height * m.Width * m.Channels }

func (m Image) String() string { return fmt.Sprintf("%dx%dx%d", m.Height, m.Width, m.Channels) }

// A Window is what a convolution or a pool looks at: Size×Size pixels, every Stride pixels
// down and across, over an image to which Padding lines and columns of zeros were added on
// each side. Pixels at the lower and right edge that fill no window are left out.
type Window struct{ Size, Stride, Padding int }

func (w Window) String() string { return fmt.Sprintf("%d/%d+%d", w.Size, w.Stride, w.Padding) }

// Over returns the image that a window makes of in, with so many channels:
//
//	(Height + 2 Padding - Size) / Stride + 1    lines, rounded down, and columns in the same way
//
// It returns an error, naming field and rule, if there are none.
func (w Window) Over(in Image, channels int) (Image, error) {
	switch {
	case in.Height < 1 || in.Width < 1 || in.Channels < 1:
		return Image{}, fmt.Errorf("%w: image %v must be at least 1x1x1", ErrShape, in)
	case w.Size < 1:
		return Image{}, fmt.Errorf("%w: size of a window is %d, must be at least 1", ErrShape, w.Size)
	case w.Stride < 1:
		return Image{}, fmt.Errorf("%w: stride of a window is %d, must be at least 1", ErrShape, w.Stride)
	case w.Padding < 0 || w.Padding >= w.Size:
		return Image{}, fmt.Errorf("%w: padding of a window is %d, must be at least 0 and below its size of %d", ErrShape, w.Padding, w.Size)
	case w.Size > in.Height+2*w.Padding || w.Size > in.Width+2*w.Padding:
		return Image{}, fmt.Errorf("%w: size of a window is %d, must be at most that of the padded image %v", ErrShape, w.Size, in)
	}
	return Image{
		Height: (in.Height+2*w.Padding-w.Size)/w.Stride + 1, Width: (in.Width+2*w.Padding-w.Size)/w.Stride + 1,
		Channels: channels,
	}, nil
}

// rowsOf returns an error unless each row of a matrix holds such an image.
func rowsOf(op string, s tensor.Shape, m Image) error {
	if s[1] != m.Size() {
		return fmt.Errorf("%w: %s of rows of %d elements, must be images of %v", ErrShape, op, s[1], m)
	}
	return nil
}

// taps calls f for each pixel of in that window (i, j) covers, with its place in the window.
func (w Window) taps(in Image, i, j int, f func(top, left, y, x int)) {
	for top := range w.Size {
		for left := range w.Size {
			y, x := i*w.Stride+top-w.Padding, j*w.Stride+left-w.Padding
			if y >= 0 && y < in.Height && x >= 0 && x < in.Width {
				f(top, left, y, x)
			}
		}
	}
}
