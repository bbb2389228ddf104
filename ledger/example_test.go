package ledger_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// Events go in, are on disk when Append returns, and come out in order. A repeated id is
// stored once; an erased record leaves a gap.
func Example() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	broker, err := ledger.Connect(ctx, ledger.Config{Dir: dir}, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	defer broker.Close()
	log, err := broker.Open(ctx, "churn")
	if err != nil {
		panic(err)
	}

	say := func(id, data string) feedback.Event {
		return feedback.Event{ID: id, Source: "shop", Type: feedback.TypeFeedback, Data: []byte(data)}
	}
	receipts, err := log.Append(ctx, []feedback.Event{
		say("a", `"first"`), say("b", `"second"`), say("a", `"first, again"`), say("c", `"third"`),
	})
	if err != nil {
		panic(err)
	}
	for _, r := range receipts {
		fmt.Println("at", r.Position, "duplicate", r.Duplicate)
	}
	if err := log.Erase(ctx, 2); err != nil {
		panic(err)
	}

	scan, err := log.Scan(ctx, 1)
	if err != nil {
		panic(err)
	}
	defer scan.Stop()
	for range 2 {
		record, err := scan.Next(ctx)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%d %s\n", record.Position, record.Data)
	}
	// Output:
	// at 1 duplicate false
	// at 2 duplicate false
	// at 1 duplicate true
	// at 3 duplicate false
	// 1 "first"
	// 3 "third"
}
