package traffic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

// A producer writes into the log beside the server, without its checks: records that
// the learner has to set aside, and records whose person allowed nothing, which it has
// to erase.
type producer struct {
	model string
	rng   *rand.Rand
	nc    *nats.Conn
	book  *Book
	every time.Duration
	next  int
}

// dialProducer connects as soon as a learner lives, and again after each crash.
func dialProducer(url string) (*nats.Conn, error) {
	nc, err := nats.Connect(url, nats.Name("crash-producer"), nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), nats.Timeout(time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return nil, fmt.Errorf("connect the careless producer to %s: %w", url, err)
	}
	return nc, nil
}

func (p *producer) run(ctx context.Context, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(p.every/2 + time.Duration(p.rng.Int64N(int64(p.every)))):
		}
		p.next++
		if err := p.publish(ctx, p.message(p.rng.IntN(5))); err != nil {
			return
		}
	}
}

// message makes a record of one of five kinds. The first three may be kept beside the
// log's records; the last two must leave it.
func (p *producer) message(kind int) *nats.Msg {
	id := fmt.Sprintf("x-%s-%d", p.model, p.next)
	m := nats.NewMsg("perennial." + p.model + ".feedback")
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-id": id, "ce-source": "bench/crash", "ce-type": "perennial.feedback.v1",
		"ce-consent": "learn", nats.MsgIdHdr: id,
	} {
		m.Header.Set(name, value)
	}
	switch kind {
	case 0:
		m.Data = []byte(`{"prediction_id": "p-1"`)
	case 1:
		m.Data = []byte(`{"prediction_id": "p-1"}`)
	case 2:
		m.Data = []byte(`{"prediction_id": "p-1", "signal": {"kind": "applause"}}`)
	case 3:
		m.Header.Set("ce-consent", "none")
		m.Data = []byte(`{"prediction_id": "p-1", "signal": {"kind": "click"}}`)
		p.book.Ban(p.model, id, "record without consent")
	default:
		m.Header.Set("ce-consent", "perhaps")
		m.Data = []byte(`{"prediction_id": "p-1", "signal": {"kind": "click"}}`)
		p.book.Ban(p.model, id, "record of unreadable consent")
	}
	return m
}

// publish sends a record until the broker says that it is stored.
func (p *producer) publish(ctx context.Context, m *nats.Msg) error {
	for {
		once, cancel := context.WithTimeout(ctx, time.Second)
		answer, err := p.nc.RequestMsgWithContext(once, m)
		cancel()
		if err == nil {
			if err = p.acknowledged(m, answer.Data); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errGone
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *producer) acknowledged(m *nats.Msg, answer []byte) error {
	var ack struct {
		Stream string          `json:"stream"`
		Seq    uint64          `json:"seq"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer, &ack); err != nil {
		return err
	}
	if ack.Error != nil || ack.Stream == "" {
		return errors.New("the broker refused")
	}
	if consent := m.Header.Get("ce-consent"); consent == "learn" {
		p.book.Stored(p.model, m.Header.Get("ce-id"), ack.Seq)
	}
	p.book.count(func(s *Stats) { s.Careless++ })
	return nil
}
