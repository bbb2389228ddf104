package cursor

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A Message is one of a stream's, as it is stored. The reader that gets it owns its memory.
type Message struct {
	Sequence uint64
	Time     time.Time // when the broker stored it, in UTC
	Subject  string
	Header   map[string][]string
	Data     []byte
}

// delivery is what the broker says about a message that it hands out, in the reply
// subject of the message.
type delivery struct {
	stream   uint64 // sequence in the stream
	consumer uint64 // sequence in the consumer: 1, 2, 3, whatever was deleted
	nanos    int64  // Unix time at which it was stored
	pending  uint64 // messages after this one that the consumer has still to deliver
}

const deliveryPrefix = "$JS.ACK."

// parseDelivery reads a reply subject of the old form, of 9 tokens
//
//	$JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<nanos>.<pending>
//
// or of the new one, of 11 or more, which has <domain>.<account> before <stream> and
// may have further tokens at the end.
func parseDelivery(reply string) (delivery, error) {
	bad := func() (delivery, error) {
		return delivery{}, fmt.Errorf("delivery subject %.120q: not of the broker's form", reply)
	}
	rest, ok := strings.CutPrefix(reply, deliveryPrefix)
	if !ok {
		return bad()
	}
	dots := strings.Count(rest, ".")
	skip := 2 // stream, consumer; after them the number of tries
	switch {
	case dots == 6:
	case dots >= 8:
		skip = 4
	default:
		return bad()
	}
	for range skip + 1 {
		_, rest, _ = strings.Cut(rest, ".")
	}
	var v [4]uint64
	for i := range v {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		if v[i], ok = decimal(token); !ok {
			return bad()
		}
	}
	if v[0] == 0 || v[1] == 0 || v[2] > 1<<63-1 {
		return bad()
	}
	return delivery{stream: v[0], consumer: v[1], nanos: int64(v[2]), pending: v[3]}, nil
}

func decimal(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > 19 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + uint64(c)
	}
	return n, true
}

func messageOf(m *nats.Msg, d delivery) Message {
	return Message{
		Sequence: d.stream,
		Time:     time.Unix(0, d.nanos).UTC(),
		Subject:  m.Subject,
		Header:   m.Header,
		Data:     m.Data,
	}
}
