package scenario

import (
	"math"
	"math/rand/v2"
	"slices"
)

// plain shows an image as it is, with a margin.
func plain(height, width, pad int) []int32 {
	out := make([]int32, 0, (height+2*pad)*(width+2*pad))
	for y := -pad; y < height+pad; y++ {
		for x := -pad; x < width+pad; x++ {
			at := int32(-1)
			if y >= 0 && y < height && x >= 0 && x < width {
				at = int32(y*width + x)
			}
			out = append(out, at)
		}
	}
	return out
}

// inverse returns which input shows each of so many pixels, -1 for none; nil if one shows in
// several.
func inverse(gather []int32, pixels int) []int32 {
	out := make([]int32, pixels)
	for p := range out {
		out[p] = -1
	}
	for j, p := range gather {
		if p < 0 {
			continue
		}
		if out[p] >= 0 {
			return nil
		}
		out[p] = int32(j)
	}
	return out
}

// permuted reorders all inputs, the margin's among them.
func permuted(gather []int32, r *rand.Rand) []int32 {
	out := append([]int32(nil), gather...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// rotated turns a picture of that width about its middle, taking the nearest pixel.
func rotated(gather []int32, width int, degrees float64) []int32 {
	height := len(gather) / width
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(width-1)/2, float64(height-1)/2
	out := make([]int32, len(gather))
	for y := range height {
		for x := range width {
			dx, dy := float64(x)-cx, float64(y)-cy
			fx, fy := int(math.Round(cx+cos*dx+sin*dy)), int(math.Round(cy-sin*dx+cos*dy))
			out[y*width+x] = -1
			if fx >= 0 && fx < width && fy >= 0 && fy < height {
				out[y*width+x] = gather[fy*width+fx]
			}
		}
	}
	return out
}

// blank is a row of n inputs that show nothing, nil if these are zeros.
func blank(n int, levels *[256]float32) []float32 {
	if levels[0] == 0 {
		return nil
	}
	return slices.Repeat(levels[:1], n)
}

// levels is what each value of a pixel stands for.
func levels(mean, scale float64) *[256]float32 {
	var out [256]float32
	for i := range out {
		out[i] = float32((float64(i)/255 - mean) / scale)
	}
	return &out
}
