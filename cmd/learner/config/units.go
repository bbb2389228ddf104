package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size in bytes. In the file it is an integer, or a number with a unit:
// 512B, 64KiB, 1.5MiB, 2GiB, 1TiB, or the decimal kB, MB, GB, TB.
type Bytes int64

// sizes lists the units of Bytes, largest of each family first.
var sizes = [...]struct {
	suffix string
	factor float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

// ParseBytes reads a size. It refuses what is negative, not a whole number of
// bytes, or beyond an int64.
func ParseBytes(s string) (Bytes, error) {
	number, factor := s, 1.0
	for _, u := range sizes {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			number, factor = strings.TrimRight(n, " "), u.factor
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && factor == 1 && n >= 0 {
		return Bytes(n), nil
	}
	if strings.ContainsAny(number, "eExXpP_nN+-") {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	f *= factor
	if f != math.Trunc(f) || f >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a whole number of bytes below 8 EiB", s)
	}
	return Bytes(f), nil
}

// String writes the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range sizes[:4] {
		if f := int64(u.factor); b != 0 && int64(b)%f == 0 {
			return strconv.FormatInt(int64(b)/f, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// ParseDuration reads a duration as the file writes it: what time.ParseDuration
// reads, and a leading count of days, as in 7d or 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, ok := strings.Cut(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.ParseInt(days, 10, 64)
	const most = int64(math.MaxInt64 / (24 * time.Hour))
	if err != nil || n < -most || n > most || strings.ContainsAny(rest, "+-") {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	r, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	if strings.HasPrefix(s, "-") {
		r = -r
	}
	if sum := d + r; (sum < d) == (r < 0) {
		return sum, nil
	}
	return 0, fmt.Errorf("%q is too long a duration", s)
}

// formatDuration writes a duration as ParseDuration reads it, without the zero
// parts that time.Duration.String spells out: 24h, not 24h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
