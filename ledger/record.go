package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
)

// A Raw is a record as it lies in the log. The reader that gets it owns its memory.
type Raw struct {
	Position Position
	// Time is the log's: when the broker stored the record, in UTC.
	Time    time.Time
	Subject string
	Header  map[string][]string
	Data    []byte
}

func rawOf(m cursor.Message) Raw {
	return Raw{Position: Position(m.Sequence), Time: m.Time, Subject: m.Subject, Header: m.Header, Data: m.Data}
}

const (
	// maxHeader is the broker's limit on a message's headers, in bytes.
	maxHeader = 1<<16 - 1
	// addedHeader is room for the headers that storing adds, the id's copy aside.
	addedHeader = 192
)

// encode turns an event into the message that is stored: a CloudEvent in binary mode,
// its attributes headers and its payload the message. It shares no memory with the
// event's Data. size is the most that it takes on the wire. The error wraps
// ErrUnstorable or ErrTooLarge.
func encode(model string, ev *feedback.Event, limit int) (msg *nats.Msg, size int, err error) {
	subject, ok := Subject(model, ev.Type)
	switch {
	case !ok:
		return nil, 0, fmt.Errorf("type %q: must be one of Perennial's event types: %w", ev.Type, ErrUnstorable)
	case ev.ID == "":
		return nil, 0, fmt.Errorf("id: must not be empty: %w", ErrUnstorable)
	case ev.Consent == feedback.ConsentNone:
		return nil, 0, fmt.Errorf("consent: must not be none: %w", ErrUnstorable)
	}
	h := nats.Header(ev.Headers())
	h[nats.MsgIdHdr] = h["ce-id"] // what the broker drops duplicates by
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size += addedHeader; size > maxHeader {
		return nil, 0, fmt.Errorf("attributes: must take at most %d bytes as headers, and take %d: %w", maxHeader, size, ErrTooLarge)
	}
	if size += len(ev.Data); size > limit {
		return nil, 0, fmt.Errorf("event: must take at most %d bytes with its headers, and takes %d: %w", limit, size, ErrTooLarge)
	}
	return &nats.Msg{Subject: subject, Header: h, Data: slices.Clone(ev.Data)}, size, nil
}
