package kernel

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -family avx2 -out ../avx2_amd64.s -stubs ../avx2_amd64.go -pkg kernel
//go:generate go run -C gen . -family avx2 -table ../avx2_table_amd64.go
//go:generate go run -C gen . -family avx512 -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg kernel
//go:generate go run -C gen . -family avx512 -table ../avx512_table_amd64.go
//go:generate gofmt -w avx2_table_amd64.go avx512_table_amd64.go

// native returns a family of assembly, or nil if it does not exist here.
func native(name string) *Set {
	x := &cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA && x.HasBMI1 && x.HasBMI2
	switch {
	case name == AVX2 && avx2:
		return assemble(AVX2, kernelsAVX2(), tilesAVX2())
	case name == AVX512 && avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL:
		return assemble(AVX512, kernelsAVX512(), tilesAVX512())
	}
	return nil
}

func assemble(name string, f family, t tiles) *Set {
	t.relu = f.unary[opReLU]
	b := newBlocked(t)
	f.gemm = b.gemm
	return &Set{Name: name, Lanes: t.lanes, f: f, tiled: b}
}
