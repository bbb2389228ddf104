package commit

import (
	"testing"

	"github.com/nats-io/nats.go"
)

func FuzzAcknowledgement(f *testing.F) {
	f.Add([]byte(`{"stream":"S","seq":3,"batch":"b","count":2}`))
	f.Add([]byte(`{"error":{"code":400,"err_code":10201}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ack, err := parseAck(&nats.Msg{Data: body})
		if err == nil && ack.Seq == 0 {
			t.Fatalf("%q gave no sequence and no error", body)
		}
	})
}
