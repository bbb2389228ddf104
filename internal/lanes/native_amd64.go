package lanes

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../lanes_amd64.s -stubs ../lanes_amd64.go -pkg lanes

// native returns a family of assembly, or nil if it does not exist here.
func native(name string) *Set {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA
	switch {
	case name == AVX2 && avx2:
		return &Set{
			name: AVX2, dot: dotAVX2, dots: dotsAVX2, distance: distanceAVX2, scale: scaleAVX2,
			approach: approachAVX2, aim: aimAVX2, trade: tradeAVX2,
		}
	case name == AVX512 && avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL:
		return &Set{
			name: AVX512, dot: dotAVX512, dots: dotsAVX512, distance: distanceAVX512, scale: scaleAVX512,
			approach: approachAVX512, aim: aimAVX512, trade: tradeAVX512,
		}
	}
	return nil
}
