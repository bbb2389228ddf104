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

// Float consumes a number and returns its value, as near as a float64 comes; beyond
// its range that is an infinity.
func (s *Scanner) Float() (float64, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	if v, ok := exact(text); ok {
		return v, nil
	}
	return Float(text), nil
}

// exact reads a plain decimal of at most 15 digits. Its digits as an integer, and the
// power of ten that divides them, are float64s without error, so that the one division
// rounds correctly (W. D. Clinger, How to read floating point numbers accurately, 1990).
func exact(text []byte) (float64, bool) {
	scale := [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
	i, negative := 0, false
	if text[0] == '-' {
		i, negative = 1, true
	}
	if len(text) > 17 { // 15 digits, a sign and a point
		return 0, false
	}
	var digits, count, fraction int
	point := false
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' {
			point = true
			continue
		}
		if c < '0' || c > '9' { // an exponent
			return 0, false
		}
		digits = digits*10 + int(c-'0')
		if count++; point {
			fraction++
		}
	}
	if count > 15 {
		return 0, false
	}
	v := float64(digits) / scale[fraction]
	if negative {
		v = -v
	}
	return v, true
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
