package jsonscan

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Text consumes a string and returns its value: a part of the input if the string
// holds no escapes, otherwise scratch with the value appended.
func (s *Scanner) Text(scratch []byte) ([]byte, error) {
	start, end, escaped, err := s.quoted()
	if err != nil {
		return nil, err
	}
	raw := s.data[start:end]
	if !escaped {
		return raw, nil
	}
	return unescape(scratch, raw)
}

// skipText consumes a string and checks it.
func (s *Scanner) skipText() error {
	start, end, escaped, err := s.quoted()
	if err != nil || !escaped || s.loose {
		return err
	}
	var scratch [64]byte
	_, err = unescape(scratch[:0], s.data[start:end])
	return err
}

// quoted consumes a string and returns where its body lies and whether there are
// escapes, not yet checked, in it.
func (s *Scanner) quoted() (start, end int, escaped bool, err error) {
	if s.peek() != '"' {
		return 0, 0, false, ErrSyntax
	}
	start = s.pos + 1
	wide := false
	for i := start; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			if wide && !s.loose && !utf8.Valid(s.data[start:i]) {
				return 0, 0, false, ErrText
			}
			return start, i, escaped, nil
		case c == '\\':
			escaped = true
			i++ // whatever it is, it does not end the string
		case c < ' ':
			s.pos = i
			return 0, 0, false, ErrSyntax
		case c >= utf8.RuneSelf:
			wide = true
		}
	}
	s.pos = len(s.data)
	return 0, 0, false, ErrSyntax
}

// unescape appends the value of a string's body to dst.
func unescape(dst, raw []byte) ([]byte, error) {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			if c < ' ' { // a control character behind a backslash was skipped by quoted
				return nil, ErrSyntax
			}
			dst = append(dst, c)
			i++
			continue
		}
		if i+1 >= len(raw) {
			return nil, ErrSyntax
		}
		switch e := raw[i+1]; e {
		case '"', '\\', '/':
			dst = append(dst, e)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, n, err := escapedRune(raw[i:])
			if err != nil {
				return nil, err
			}
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		default:
			return nil, ErrSyntax
		}
		i += 2
	}
	return dst, nil
}

// escapedRune reads \uXXXX, or a pair of them, and returns its length in bytes.
func escapedRune(raw []byte) (rune, int, error) {
	r, ok := hex4(raw)
	if !ok {
		return 0, 0, ErrSyntax
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	low, ok := hex4(raw[6:])
	if !ok {
		return 0, 0, ErrText
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, 0, ErrText
	}
	return r, 12, nil
}

func hex4(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range raw[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
