package main

import (
	"bytes"
	"math/rand/v2"
	"strconv"
)

const (
	modelName = "loop"
	dim       = 16  // features of an event
	eventSize = 500 // bytes of an event's JSON
)

// A writer of events makes the bodies of posts. It is deterministic, and belongs to one
// goroutine. Events are drawn from a linear rule with noise: something can be learned.
type writer struct {
	name   string // makes ids unique
	rng    *rand.Rand
	joined bool
	n      int
	x      [dim]int // thousandths
	due    []outcome
	buf    []byte
}

// outcome is what a prediction is told later.
type outcome struct{ id, label int }

func newWriter(name string, seed, stream uint64, joined bool) *writer {
	return &writer{name: name, rng: rand.New(rand.NewPCG(seed, stream)), joined: joined}
}

// body returns a batch of up to n events in the media type of a batch, how many they are,
// and how many examples come of them. It is valid until the next call. Where events are
// joined, half of a batch are predictions, and the others the outcomes of the
// predictions of the batch before.
func (w *writer) body(n int) (body []byte, events, examples int) {
	w.buf = append(w.buf[:0], '[')
	if w.joined {
		due := w.due
		w.due = nil
		for range max(1, n/2) {
			w.prediction()
		}
		for _, o := range due {
			w.outcome(o)
		}
		events, examples = len(w.due)+len(due), len(due)
	} else {
		for range n {
			w.feedback()
		}
		events, examples = n, n
	}
	w.buf[len(w.buf)-1] = ']' // in place of the last comma
	return w.buf, events, examples
}

// single returns one self-contained event in the structured media type.
func (w *writer) single() []byte {
	w.buf = w.buf[:0]
	w.feedback()
	return w.buf[:len(w.buf)-1]
}

// feedback adds an event that brings its own features.
func (w *writer) feedback() {
	w.n++
	from := len(w.buf)
	w.head("perennial.feedback.v1", "e", w.n)
	w.buf = append(w.buf, `,"data":{"features":`...)
	label := w.features()
	w.buf = append(w.buf, `,"signal":{"kind":"label","value":`...)
	w.buf = strconv.AppendInt(w.buf, int64(label), 10)
	w.buf = append(w.buf, `}}`...)
	w.end(from)
}

// prediction adds the record of a prediction served elsewhere.
func (w *writer) prediction() {
	w.n++
	from := len(w.buf)
	w.head("perennial.prediction.v1", "q", w.n)
	w.buf = append(w.buf, `,"data":{"prediction_id":"`...)
	w.id("p", w.n)
	w.buf = append(w.buf, `","model_version":0,"channel":"stable","outputs":[0.5],"features":`...)
	w.due = append(w.due, outcome{id: w.n, label: w.features()})
	w.buf = append(w.buf, '}')
	w.end(from)
}

// outcome adds the label of a prediction.
func (w *writer) outcome(o outcome) {
	from := len(w.buf)
	w.head("perennial.feedback.v1", "o", o.id)
	w.buf = append(w.buf, `,"data":{"prediction_id":"`...)
	w.id("p", o.id)
	w.buf = append(w.buf, `","signal":{"kind":"label","value":`...)
	w.buf = strconv.AppendInt(w.buf, int64(o.label), 10)
	w.buf = append(w.buf, `}}`...)
	w.end(from)
}

func (w *writer) head(kind, prefix string, n int) {
	w.buf = append(w.buf, `{"specversion":"1.0","type":"`...)
	w.buf = append(w.buf, kind...)
	w.buf = append(w.buf, `","source":"bench/loop","consent":"learn","subject":"person-`...)
	w.buf = strconv.AppendInt(w.buf, int64(w.rng.IntN(100_000)), 10)
	w.buf = append(w.buf, `","id":"`...)
	w.id(prefix, n)
	w.buf = append(w.buf, '"')
}

func (w *writer) id(prefix string, n int) {
	w.buf = append(w.buf, prefix...)
	w.buf = append(w.buf, '-')
	w.buf = append(w.buf, w.name...)
	w.buf = append(w.buf, '-')
	w.buf = strconv.AppendInt(w.buf, int64(n), 10)
}

// end closes an event, with an extension attribute that fills it up to eventSize, and
// adds a comma.
func (w *writer) end(from int) {
	const open = `,"note":"`
	missing := eventSize - (len(w.buf) - from) - len(open) - len(`"}`)
	if missing > 0 {
		w.buf = append(w.buf, open...)
		w.buf = append(w.buf, bytes.Repeat([]byte{'x'}, missing)...)
		w.buf = append(w.buf, '"')
	}
	w.buf = append(w.buf, '}', ',')
}

// features adds the features of a fresh example, and returns its label.
func (w *writer) features() int {
	w.buf = append(w.buf, `{"x":[`...)
	sum := 0
	for i := range w.x {
		v := w.rng.IntN(4001) - 2000
		w.x[i] = v
		if i%2 == 0 {
			sum += v
		} else {
			sum -= v
		}
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if v < 0 {
			w.buf = append(w.buf, '-')
			v = -v
		}
		w.buf = append(w.buf, byte('0'+v/1000), '.', byte('0'+v/100%10), byte('0'+v/10%10), byte('0'+v%10))
	}
	w.buf = append(w.buf, `]}`...)
	if sum+w.rng.IntN(2001)-1000 > 0 {
		return 1
	}
	return 0
}
