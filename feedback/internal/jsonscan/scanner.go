package jsonscan

import "errors"

// Errors of the Scanner. Pos tells where the text stopped making sense.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrText      = errors.New("text is not valid UTF-8 or holds half a surrogate pair")
	ErrDepth     = errors.New("nested too deeply")
	ErrDuplicate = errors.New("key stands twice in one object")
)

// Kind is what a value starts as.
type Kind byte

// The kinds of value. None means that no value starts here.
const (
	None Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// A Scanner reads one JSON text. After an error it must not be used further.
type Scanner struct {
	data  []byte
	pos   int
	depth int
	max   int
	loose bool
}

// New returns a Scanner over data that allows objects and arrays to nest maxDepth
// deep. The Scanner reads data in place.
func New(data []byte, maxDepth int) Scanner {
	return Scanner{data: data, max: maxDepth}
}

// NewLoose returns a Scanner that Skips strings without looking into them, for
// cutting a text into parts that are each scanned properly afterwards.
func NewLoose(data []byte, maxDepth int) Scanner {
	return Scanner{data: data, max: maxDepth, loose: true}
}

// Pos returns the offset in bytes of the next unread byte.
func (s *Scanner) Pos() int { return s.pos }

// Rest returns how many bytes are unread: no value left can hold more elements.
func (s *Scanner) Rest() int { return len(s.data) - s.pos }

func (s *Scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, or 0 at the end.
func (s *Scanner) peek() byte {
	s.space()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// Kind skips white space and returns the kind of the value that starts there. It
// consumes nothing of the value.
func (s *Scanner) Kind() Kind {
	switch c := s.peek(); {
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '"':
		return String
	case c == '-' || c >= '0' && c <= '9':
		return Number
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	}
	return None
}

// Open consumes the bracket that starts an object or an array.
func (s *Scanner) Open() error {
	if c := s.peek(); c != '{' && c != '[' {
		return ErrSyntax
	}
	if s.depth == s.max {
		return ErrDepth
	}
	s.depth++
	s.pos++
	return nil
}

// Elem moves to the next element of the open array and reports whether there is
// one; at the end it closes the array. first is true on the first call for an
// array.
func (s *Scanner) Elem(first bool) (bool, error) {
	return s.next(first, ']')
}

// Key moves to the next member of the open object, consumes its name and the colon,
// and returns the name; at the end it closes the object and returns false. first is
// true on the first call for an object. The name lies in the input, or in scratch
// if it held escapes, and is valid until either is reused.
func (s *Scanner) Key(scratch []byte, first bool) ([]byte, bool, error) {
	more, err := s.next(first, '}')
	if err != nil || !more {
		return nil, false, err
	}
	key, err := s.Text(scratch)
	if err != nil {
		return nil, false, err
	}
	if s.peek() != ':' {
		return nil, false, ErrSyntax
	}
	s.pos++
	return key, true, nil
}

func (s *Scanner) next(first bool, closing byte) (bool, error) {
	switch c := s.peek(); {
	case c == closing:
		s.pos++
		s.depth--
		return false, nil
	case first && c != 0:
		return true, nil
	case c == ',':
		s.pos++
		if c := s.peek(); c == closing || c == 0 {
			return false, ErrSyntax
		}
		return true, nil
	}
	return false, ErrSyntax
}

// Bool consumes true or false.
func (s *Scanner) Bool() (bool, error) {
	if s.peek() == 't' {
		return true, s.word("true")
	}
	return false, s.word("false")
}

// Null consumes null.
func (s *Scanner) Null() error {
	s.space()
	return s.word("null")
}

func (s *Scanner) word(w string) error {
	if len(s.data)-s.pos < len(w) || string(s.data[s.pos:s.pos+len(w)]) != w {
		return ErrSyntax
	}
	s.pos += len(w)
	return nil
}

// End returns ErrSyntax unless only white space is left.
func (s *Scanner) End() error {
	if s.peek() != 0 || s.pos != len(s.data) {
		return ErrSyntax
	}
	return nil
}

// Skip consumes any value, checks its syntax and returns its text. It does not look
// for duplicate keys.
func (s *Scanner) Skip() ([]byte, error) { return s.skip(false) }

// SkipUnique is Skip, and returns ErrDuplicate if an object in the value names a
// member twice. It allocates a set for each object.
func (s *Scanner) SkipUnique() ([]byte, error) { return s.skip(true) }

func (s *Scanner) skip(unique bool) ([]byte, error) {
	kind := s.Kind()
	start := s.pos
	var err error
	switch kind {
	case Object:
		err = s.skipObject(unique)
	case Array:
		err = s.skipArray(unique)
	case String:
		err = s.skipText()
	case Number:
		_, err = s.Number()
	case Bool:
		_, err = s.Bool()
	case Null:
		err = s.Null()
	default:
		err = ErrSyntax
	}
	if err != nil {
		return nil, err
	}
	return s.data[start:s.pos], nil
}

func (s *Scanner) skipObject(unique bool) error {
	if err := s.Open(); err != nil {
		return err
	}
	var seen map[string]struct{}
	var scratch [64]byte
	for first := true; ; first = false {
		key, more, err := s.Key(scratch[:0], first)
		if err != nil || !more {
			return err
		}
		if unique {
			if seen == nil {
				seen = make(map[string]struct{})
			}
			if _, twice := seen[string(key)]; twice {
				return ErrDuplicate
			}
			seen[string(key)] = struct{}{}
		}
		if _, err := s.skip(unique); err != nil {
			return err
		}
	}
}

func (s *Scanner) skipArray(unique bool) error {
	if err := s.Open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := s.Elem(first)
		if err != nil || !more {
			return err
		}
		if _, err := s.skip(unique); err != nil {
			return err
		}
	}
}
