package jsonscan

import (
	"math"
	"strconv"
)

// MaxInteger is the largest magnitude that Integer returns: every JSON reader holds
// integers up to there exactly (I-JSON).
const MaxInteger = 1<<53 - 1

// Number consumes a number and returns its text.
func (s *Scanner) Number() ([]byte, error) {
	s.space()
	start, i, d := s.pos, s.pos, s.data
	if i < len(d) && d[i] == '-' {
		i++
	}
	switch {
	case i < len(d) && d[i] == '0':
		i++
	default:
		j := digits(d, i)
		if j == i {
			return nil, ErrSyntax
		}
		i = j
	}
	if i < len(d) && d[i] == '.' {
		j := digits(d, i+1)
		if j == i+1 {
			return nil, ErrSyntax
		}
		i = j
	}
	if i < len(d) && (d[i] == 'e' || d[i] == 'E') {
		i++
		if i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		j := digits(d, i)
		if j == i {
			return nil, ErrSyntax
		}
		i = j
	}
	s.pos = i
	return d[start:i], nil
}

func digits(d []byte, i int) int {
	for i < len(d) && d[i] >= '0' && d[i] <= '9' {
		i++
	}
	return i
}

// Float returns the value of a number's text, as near as a float64 comes; beyond
// its range that is an infinity.
func Float(text []byte) float64 {
	// The only error left for text that Number returned is a range error, and then
	// the value is already the infinity that is promised.
	v, _ := strconv.ParseFloat(string(text), 64)
	return v
}

// Integer returns the value of a number's text, and whether it is an integer of a
// magnitude up to MaxInteger. 1.0 and 1e2 are integers, as JSON Schema has it.
func Integer(text []byte) (int64, bool) {
	if n := len(text); n > 0 && n <= 15 && digits(text, 0) == n {
		var v int64
		for _, c := range text {
			v = v*10 + int64(c-'0')
		}
		return v, true
	}
	v := Float(text)
	if v != math.Trunc(v) || math.Abs(v) > MaxInteger {
		return 0, false
	}
	return int64(v), true
}
