package serve

// A split chooses the channel of a subject.
type split struct {
	candidate float64
	salt      string
}

// channel returns the channel that answers a key, and the probability with which
// this channel is chosen; 1 where nothing is randomised. The key is the subject, or the
// prediction's id where the row has no subject.
func (s split) channel(key string) (channel string, propensity float64) {
	switch {
	case s.candidate <= 0:
		return Stable, 1
	case s.candidate >= 1:
		return Candidate, 1
	case unit(s.salt, key) < s.candidate:
		return Candidate, s.candidate
	}
	return Stable, 1 - s.candidate
}

// unit maps a key to [0, 1), evenly: FNV-1a over salt, a zero byte and key, finished
// by MurmurHash3's fmix64, whose top 53 bits are taken. It is part of what a recorded
// propensity means, and does not change.
func unit(salt, key string) float64 {
	h := uint64(14695981039346656037)
	mix := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	for i := range len(salt) {
		mix(salt[i])
	}
	mix(0)
	for i := range len(key) {
		mix(key[i])
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
