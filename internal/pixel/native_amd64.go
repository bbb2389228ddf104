package pixel

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../pixel_amd64.s -stubs ../pixel_amd64.go -pkg pixel

// native returns a codec of assembly, or nil if it does not exist here.
func native(name string) *Codec {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA
	switch {
	case name == AVX2 && avx2:
		return &Codec{name: AVX2, pack: packAVX2, quick: quickAVX2, unpack: unpackAVX2}
	case name == AVX512 && avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL:
		return &Codec{name: AVX512, pack: packAVX512, quick: quickAVX512, unpack: unpackAVX512}
	}
	return nil
}
