package signal

import (
	"fmt"
	"io"
	"slices"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/internal/canonical"
)

// stateFormat is raised with each incompatible change of State's encoding.
const stateFormat = 1

// A State is a Window's contents, shared with it in a way that stays valid while the
// Window goes on.
type State struct{ doc document }

type document struct {
	Format  int         `cbor:"format"`
	Entries []*entry    `cbor:"entries"`
	Settle  []string    `cbor:"settling"` // entry ids, in order
	Next    uint64      `cbor:"next"`
	Orphans []orphanDoc `cbor:"orphans"`
	Counts  Counts      `cbor:"counts"`
}

type orphanDoc struct {
	Orphan orphan `cbor:"orphan"`
	Claim  claim  `cbor:"claim"`
}

// Snapshot returns the window's state. It copies the list of entries and shares them;
// the window copies one before it changes it.
func (w *Window) Snapshot() State {
	doc := document{Format: stateFormat, Next: w.next, Counts: w.counts}
	doc.Entries = slices.Clone(w.arrived.live())
	for _, s := range w.settling.live() {
		if _, valid := w.settles(s); valid {
			doc.Settle = append(doc.Settle, s.id)
		}
	}
	for _, o := range w.waiting.order.live() {
		if o.Key != "" {
			doc.Orphans = append(doc.Orphans, orphanDoc{Orphan: *o, Claim: o.claim})
		}
	}
	w.epoch++
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
	for i, e := range doc.Entries {
		if e == nil {
			return fmt.Errorf("decode join window: entry %d is null", i)
		}
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
	for _, e := range doc.Entries {
		fresh.link(e)
	}
	for _, id := range doc.Settle {
		e, ok := fresh.entries[id]
		if !ok || e.Phase != settling {
			return fmt.Errorf("decode join window: %q is not settling", id)
		}
		fresh.settling.push(settlement{id: e.ID, at: e.SettleAt})
	}
	for _, o := range doc.Orphans {
		if o.Orphan.Operation == feedback.Amend && len(o.Claim.Events) == 0 {
			return fmt.Errorf("decode join window: an amendment has no id")
		}
		o.Orphan.claim = o.Claim
		fresh.waiting.add(o.Orphan)
	}
	*w = *fresh
	return nil
}
