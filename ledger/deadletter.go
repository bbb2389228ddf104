package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger/internal/cursor"
)

// A DeadLetter is a record that could not be used: what it was, where it lies, and why it
// was refused.
type DeadLetter struct {
	Position Position            `json:"position"`
	Time     time.Time           `json:"time"` // the record's, in log time
	Refusal  feedback.Refusal    `json:"refusal"`
	Header   map[string][]string `json:"header,omitempty"`
	Body     []byte              `json:"body,omitempty"`
	// Cut counts the bytes of header and body that had no room in the letter.
	Cut int `json:"cut,omitempty"`
}

// Headers of a dead letter. Its body is the message.
const (
	headerDeadTime    = "Perennial-Time"    // RFC 3339
	headerDeadRefusal = "Perennial-Refusal" // feedback.Refusal as JSON
	headerDeadHeader  = "Perennial-Header"  // the record's headers as JSON
	headerDeadCut     = "Perennial-Cut"     // bytes
)

const (
	// deadHeaderRoom is how much of a letter its own headers take at most.
	deadHeaderRoom = 32 << 10
	// deadTextRoom bounds each text of a refusal, in bytes.
	deadTextRoom = 1 << 10
)

// DeadLetter keeps a letter, once for ever for each position: a second one, as after a
// restart that scans the same records, changes nothing.
func (l *Log) DeadLetter(ctx context.Context, d DeadLetter) error {
	m, err := encodeLetter(l.model, d, l.limit)
	if err == nil {
		err = l.cfg.Failpoints.Hit(failBeforeLetter)
	}
	if err == nil {
		err = l.publishOnce(ctx, m)
	}
	if err == nil {
		err = l.cfg.Failpoints.Hit(failAfterLetter)
	}
	if err != nil {
		return fmt.Errorf("dead letter of record %d of log %s: %w", d.Position, l.id.Name, err)
	}
	return nil
}

func encodeLetter(model string, d DeadLetter, limit int) (*nats.Msg, error) {
	if d.Position == 0 {
		return nil, errors.New("position: must be 1 or more")
	}
	d.Refusal.Field = shorten(d.Refusal.Field)
	d.Refusal.Rule = shorten(d.Refusal.Rule)
	d.Refusal.Detail = shorten(d.Refusal.Detail)
	refusal, err := json.Marshal(d.Refusal)
	if err != nil {
		return nil, fmt.Errorf("encode refusal: %w", err)
	}
	header, err := json.Marshal(d.Header)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	cut := d.Cut
	if len(header) > deadHeaderRoom {
		cut += len(header)
		header = []byte("{}")
	}
	if room := max(0, limit-len(header)-len(refusal)-deadTextRoom); len(d.Body) > room {
		cut += len(d.Body) - room
		d.Body = d.Body[:room]
	}
	h := nats.Header{
		headerDeadTime:    {d.Time.UTC().Format(time.RFC3339Nano)},
		headerDeadRefusal: {string(refusal)},
		headerDeadHeader:  {string(header)},
	}
	if cut > 0 {
		h[headerDeadCut] = []string{strconv.Itoa(cut)}
	}
	return &nats.Msg{Subject: letterSubject(model, d.Position), Header: h, Data: d.Body}, nil
}

func shorten(s string) string {
	if len(s) > deadTextRoom {
		return strings.ToValidUTF8(s[:deadTextRoom], "")
	}
	return s
}

// DeadLetters returns at most limit letters of records at or after from, in the order in
// which they were refused, which is that of positions.
func (l *Log) DeadLetters(ctx context.Context, from Position, limit int) ([]DeadLetter, error) {
	if limit <= 0 {
		return nil, nil
	}
	var letters []DeadLetter
	full := errors.New("enough")
	err := l.visitDead(ctx, "dead", func(raw Raw) error {
		d, err := decodeLetter(raw)
		if err != nil {
			return err
		}
		if d.Position < from {
			return nil
		}
		letters = append(letters, d)
		if len(letters) == limit {
			return full
		}
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return nil, fmt.Errorf("dead letters of log %s: %w", l.id.Name, err)
	}
	return letters, nil
}

// visitDead calls visit for each message of the dead-letter stream on the subject's
// branch: "dead" or "erased".
func (l *Log) visitDead(ctx context.Context, branch string, visit func(Raw) error) error {
	s, err := l.js.Stream(ctx, DeadStreamName(l.model))
	if err != nil {
		return err
	}
	info := s.CachedInfo()
	return l.visit(ctx, cursor.Config{
		Stream:  info.Config.Name,
		Created: info.Created,
		Filter:  subjectPrefix + l.model + "." + branch + ".*",
	}, Position(info.State.LastSeq), visit)
}

// positionIn reads the position at the end of a subject of the dead-letter stream.
func positionIn(subject string) (Position, error) {
	n, err := strconv.ParseUint(subject[strings.LastIndexByte(subject, '.')+1:], 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("subject %.120q: must end in a position", subject)
	}
	return Position(n), nil
}

func decodeLetter(raw Raw) (DeadLetter, error) {
	p, err := positionIn(raw.Subject)
	if err != nil {
		return DeadLetter{}, err
	}
	d := DeadLetter{Position: p, Body: raw.Data}
	bad := func(name string, err error) (DeadLetter, error) {
		return DeadLetter{}, fmt.Errorf("letter of record %d: header %s: %w", p, name, err)
	}
	h := nats.Header(raw.Header)
	if d.Time, err = time.Parse(time.RFC3339Nano, h.Get(headerDeadTime)); err != nil {
		return bad(headerDeadTime, err)
	}
	if err = json.Unmarshal([]byte(h.Get(headerDeadRefusal)), &d.Refusal); err != nil {
		return bad(headerDeadRefusal, err)
	}
	if err = json.Unmarshal([]byte(h.Get(headerDeadHeader)), &d.Header); err != nil {
		return bad(headerDeadHeader, err)
	}
	if cut := h.Get(headerDeadCut); cut != "" {
		if d.Cut, err = strconv.Atoi(cut); err != nil {
			return bad(headerDeadCut, err)
		}
	}
	return d, nil
}
