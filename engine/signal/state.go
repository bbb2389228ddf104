package signal

import (
	"fmt"
	"io"

	"github.com/perennial-ml/perennial/internal/canonical"
)

// stateFormat is raised with each incompatible change of State's encoding.
const stateFormat = 1

// A State is a Window's contents, shared with it in a way that stays valid while the
// Window goes on.
type State struct{ doc document }

type document struct {
	Format  int         `cbor:"format"`
	Entries []entry     `cbor:"entries"`
	Settle  []string    `cbor:"settling"` // entry ids, in order
	Next    uint64      `cbor:"next"`
	Orphans []orphanDoc `cbor:"orphans"`
	Counts  Counts      `cbor:"counts"`
}

type orphanDoc struct {
	Orphan orphan `cbor:"orphan"`
	Claim  claim  `cbor:"claim"`
}

// Snapshot copies the window's state: O(entries), without encoding it.
func (w *Window) Snapshot() State {
	doc := document{Format: stateFormat, Next: w.next, Counts: w.counts}
	doc.Entries = make([]entry, 0, len(w.entries))
	for _, e := range w.arrived.live() {
		if !e.gone {
			doc.Entries = append(doc.Entries, *e)
		}
	}
	for _, s := range w.settling.live() {
		if s.valid() {
			doc.Settle = append(doc.Settle, s.entry.ID)
		}
	}
	for _, o := range w.waiting.order.live() {
		if o.Key != "" {
			doc.Orphans = append(doc.Orphans, orphanDoc{Orphan: *o, Claim: o.claim})
		}
	}
	return State{doc: doc}
}

// Write writes the state's canonical bytes.
func (s State) Write(w io.Writer) error { return canonical.Write(w, s.doc) }

// Restore replaces the window's contents by a state that Write wrote. On error the
// window is as before.
func (w *Window) Restore(data []byte) error {
	var doc document
	if err := canonical.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("decode join window: %w", err)
	}
	if doc.Format != stateFormat {
		return fmt.Errorf("decode join window: format %d is not the format %d that this program reads", doc.Format, stateFormat)
	}
	fresh := &Window{
		cfg:     w.cfg,
		segment: w.segment,
		reader:  w.reader,
		entries: make(map[string]*entry, len(doc.Entries)),
		byEvent: map[string][]*entry{},
		waiting: newOrphanage(),
		next:    doc.Next,
		counts:  doc.Counts,
	}
	for i := range doc.Entries {
		e := &doc.Entries[i]
		if _, ok := fresh.entries[e.ID]; ok {
			return fmt.Errorf("decode join window: id %q stands twice", e.ID)
		}
		if e.Seq >= doc.Next || (i > 0 && e.Seq <= doc.Entries[i-1].Seq) {
			return fmt.Errorf("decode join window: %q is out of order", e.ID)
		}
		fresh.entries[e.ID] = e
		fresh.arrived.push(e)
		fresh.bytes += e.size()
	}
	for i := range doc.Entries {
		for _, v := range doc.Entries[i].Votes {
			fresh.byEvent[v.Event] = append(fresh.byEvent[v.Event], &doc.Entries[i])
		}
	}
	for _, id := range doc.Settle {
		e, ok := fresh.entries[id]
		if !ok || e.Phase != settling {
			return fmt.Errorf("decode join window: %q is not settling", id)
		}
		fresh.settling.push(settlement{entry: e, at: e.SettleAt})
	}
	for _, o := range doc.Orphans {
		o.Orphan.claim = o.Claim
		fresh.waiting.add(o.Orphan)
	}
	*w = *fresh
	return nil
}
