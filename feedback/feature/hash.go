package feature

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// salt returns the FNV-1a state after a feature's name and a zero byte.
func salt(name string) uint64 {
	h := uint64(fnvOffset)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * fnvPrime
	}
	return h * fnvPrime // the zero byte
}

// category returns the bucket of a value.
func (s *slot) category(value []byte) int32 {
	h := s.salt
	for _, c := range value {
		h = (h ^ uint64(c)) * fnvPrime
	}
	// fmix64: FNV alone leaves the low bits of short values too alike.
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return int32(h % s.buckets)
}
