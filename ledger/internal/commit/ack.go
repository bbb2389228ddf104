package commit

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
)

// The broker's answers that decide what the Committer does next.
const (
	codeIncomplete     = 10176 // a message of the batch did not arrive; nothing was stored
	codeTooManyBatches = 10210
	codeDuplicate      = 10201 // the batch has an id that is stored already; nothing was stored
	codeInProcess      = 10158 // the same id is being stored at this moment (replicated)
	codeStoreFailed    = 10077 // limits: messages, bytes
	codeNoResources    = 10023
	codeNoAccount      = 10002
	codeTooBig         = 10054
)

// A pubAck is the broker's answer to a stored message or batch.
type pubAck struct {
	Stream    string        `json:"stream"`
	Seq       uint64        `json:"seq"`
	Duplicate bool          `json:"duplicate"`
	Batch     string        `json:"batch"`
	Count     int           `json:"count"`
	Error     *refusedError `json:"error"`
}

// A refusedError is the broker's refusal: nothing of the request was stored.
type refusedError struct {
	Status      int    `json:"code"`
	Code        int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *refusedError) Error() string {
	return fmt.Sprintf("refused by the broker: %s (%d)", e.Description, e.Code)
}

func (e *refusedError) isFull() bool {
	return e.Code == codeStoreFailed || e.Code == codeNoResources || e.Code == codeNoAccount
}

// isPassing: the same request may succeed in a moment.
func (e *refusedError) isPassing() bool {
	return e.Code == codeIncomplete || e.Code == codeTooManyBatches || e.Code == codeInProcess || e.isAway()
}

// isAway: nobody is there to take the request, as while a cluster elects a leader.
func (e *refusedError) isAway() bool { return e.Status == 503 && !e.isFull() }

func parseAck(m *nats.Msg) (pubAck, error) {
	if m.Header.Get("Status") == "503" {
		return pubAck{}, &refusedError{Status: 503, Description: "no stream takes the event's subject"}
	}
	var ack pubAck
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return pubAck{}, fmt.Errorf("acknowledgement %.100q: %w", m.Data, err)
	}
	if ack.Error != nil {
		return pubAck{}, ack.Error
	}
	if ack.Seq == 0 {
		return pubAck{}, fmt.Errorf("acknowledgement %.100q: has no sequence", m.Data)
	}
	return ack, nil
}
