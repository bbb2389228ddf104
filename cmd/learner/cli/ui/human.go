package ui

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes writes a size with three digits and a binary unit: 512 B, 1.50 KiB, 25.3 MiB.
func Bytes(n int64) string {
	if n > -1024 && n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/1024, 0
	for math.Abs(f) >= 999.5 && unit < 5 {
		f, unit = f/1024, unit+1
	}
	return digits(f) + " " + string("KMGTPE"[unit]) + "iB"
}

// Rate writes events per second with three digits: 950/s, 31.2k/s, 4.50M/s.
func Rate(n int, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	f, unit := float64(n)/d.Seconds(), 0
	for math.Abs(f) >= 999.5 && unit < 3 {
		f, unit = f/1000, unit+1
	}
	return digits(f) + [...]string{"", "k", "M", "G"}[unit] + "/s"
}

// Count writes a whole number with thousands apart: 45,312.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign, s := s[:len(s)-len(strings.TrimPrefix(s, "-"))], strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Duration writes a duration with about three digits: 870µs, 12.3ms, 4.50s, 3m20s,
// 5h30m, 12d4h.
func Duration(d time.Duration) string {
	switch a := d.Abs(); {
	case d == 0:
		return "0s"
	case a < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case a < time.Millisecond-500*time.Nanosecond:
		return digits(float64(d)/1e3) + "µs"
	case a < time.Second-500*time.Microsecond:
		return digits(float64(d)/1e6) + "ms"
	case a < time.Minute-50*time.Millisecond:
		return digits(float64(d)/1e9) + "s"
	case a < time.Hour:
		d = d.Round(time.Second)
		return strings.TrimSuffix(d.String(), "m0s") + suffix(d, time.Minute, "m")
	case a < 48*time.Hour:
		d = d.Round(time.Minute)
		s := strings.TrimSuffix(d.String(), "0s")
		return strings.TrimSuffix(s, "h0m") + suffix(d, time.Hour, "h")
	default:
		hours := int64(d.Round(time.Hour) / time.Hour)
		s := strconv.FormatInt(hours/24, 10) + "d"
		if rest := hours % 24; rest != 0 {
			s += strings.TrimPrefix(strconv.FormatInt(rest, 10), "-") + "h"
		}
		return s
	}
}

// suffix returns the unit that trimming the zeros below it took along.
func suffix(d, unit time.Duration, name string) string {
	if d%unit == 0 {
		return name
	}
	return ""
}

// digits writes f with three significant digits, f being below 1,000.
func digits(f float64) string {
	switch a := math.Abs(f); {
	case a < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case a < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
