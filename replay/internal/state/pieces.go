package state

import (
	"io"
	"strconv"

	"github.com/perennial-ml/perennial/internal/seal"
	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/store"
)

// Media types of a state's pieces.
const (
	MediaType       = "application/vnd.perennial.replay.v4"
	HeadMediaType   = "application/vnd.perennial.replay.head.v5"
	PageMediaType   = "application/vnd.perennial.examples.v3"
	ColumnMediaType = "application/vnd.perennial.replay.column.v5"
)

// wholeSlots is the most examples of a state that is kept in one piece.
const wholeSlots = 1 << 14

// Names of the columns beside the examples, as they stand in suffixes.
const (
	columnLinks    = ".links"
	columnSeats    = ".seats"
	columnScores   = ".scores"
	columnFeatures = ".features"
)

// A Piece is one of the blobs that a state is kept in. Equal states have equal pieces.
type Piece struct {
	// Suffix tells pieces apart: empty for the head, ".0" and so on for pages of examples,
	// ".scores.0" and so on for those of a column.
	Suffix    string
	MediaType string
	Write     func(io.Writer) error
	// Seal knows the digest of a page once Write has succeeded, for as long as states
	// share it; nil for the head.
	Seal *seal.Seal
}

// Pieces returns the state in pieces. A small one is a whole, as WriteTo writes it; a large
// one is a head and pages, which are the same from state to state unless one of their slots
// changed.
func (s *State) Pieces() []Piece {
	if s.Len() <= wholeSlots {
		return []Piece{{MediaType: MediaType, Write: func(w io.Writer) error {
			_, err := s.WriteTo(w)
			return err
		}}}
	}
	list := make([]Piece, 1, 1+len(s.Items.Pages())+len(s.Rest.Pages())+
		len(s.Newer.Pages())+len(s.Seats.Pages())+len(s.Scores.Pages())+len(s.Features.Pages()))
	list[0] = Piece{MediaType: HeadMediaType, Write: s.writeHead}
	list = appendPages(list, "", 0, PageMediaType, &s.Items, (*encoder).examples)
	list = appendPages(list, "", len(s.Items.Pages()), PageMediaType, &s.Rest, (*encoder).examples)
	list = appendPages(list, columnLinks, 0, ColumnMediaType, &s.Newer, (*encoder).links)
	list = appendPages(list, columnSeats, 0, ColumnMediaType, &s.Seats, (*encoder).seats)
	list = appendPages(list, columnScores, 0, ColumnMediaType, &s.Scores, (*encoder).words)
	return appendPages(list, columnFeatures, 0, ColumnMediaType, &s.Features, (*encoder).features)
}

// appendPages appends a column's pages, of which the first has that number.
func appendPages[T any](list []Piece, column string, first int, media string, c *column.Column[T], write func(*encoder, []T)) []Piece {
	for i, page := range c.Pages() {
		known := c.Seal(i)
		list = append(list, Piece{
			Suffix: suffix(column, first+i), MediaType: media, Seal: known,
			Write: func(w io.Writer) error {
				return known.Write(w, func(w io.Writer) error {
					e := newEncoder(w)
					write(e, page)
					return e.flush()
				})
			},
		})
	}
	return list
}

func suffix(column string, page int) string { return column + "." + strconv.Itoa(page) }

func (s *State) writeHead(w io.Writer) error {
	e := newEncoder(w)
	if err := e.counts(s, headFormat); err != nil {
		return err
	}
	if s.Newer.Len() > 0 {
		e.u32(uint32(s.Oldest))
	}
	for i := range s.List {
		e.group(&s.List[i], s.Width)
	}
	e.u32(uint32(len(s.Items.Pages()) + len(s.Rest.Pages())))
	for _, pages := range [][][]*example.Example{s.Items.Pages(), s.Rest.Pages()} {
		for _, p := range pages {
			e.u32(uint32(len(p)))
		}
	}
	return e.flush()
}

func (e *encoder) links(list []int32) {
	for _, v := range list {
		e.u32(uint32(v))
	}
}

func (e *encoder) seats(list []store.Seat) {
	for _, s := range list {
		e.u32(s.Home)
	}
	for _, s := range list {
		e.u32(s.Ticket)
	}
}

func (e *encoder) features(list [][]float32) {
	for _, f := range list {
		e.floats(f)
	}
}
