package machine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perennial-ml/perennial/checkpoint"
	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/ledger"
)

// Rollback records name versions, and a scan that meets one needs its weights. Tags hold
// such versions in the store:
//
//	rollback-v1200          a record is being added; its position is not known yet
//	rollback-v1200-1534     the record at 1534 names v1200
//
// The first kind becomes the second once the record is in the log, and the second goes
// when no version that retention keeps is older than the record.
const holdPrefix = "rollback-"

// holdTag names what the record at a position holds on to; 0 for a record on its way.
func holdTag(v checkpoint.Version, record ledger.Position) string {
	tag := holdPrefix + v.String()
	if record != 0 {
		tag += "-" + strconv.FormatUint(uint64(record), 10)
	}
	return tag
}

// parseHold reads a tag of holdTag; ok is false for any other.
func parseHold(tag string) (v checkpoint.Version, record ledger.Position, ok bool) {
	rest, ok := strings.CutPrefix(tag, holdPrefix)
	if !ok {
		return 0, 0, false
	}
	name, at, recorded := strings.Cut(rest, "-")
	v, err := checkpoint.ParseVersion(name)
	if err != nil {
		return 0, 0, false
	}
	var p uint64
	if recorded {
		if p, err = strconv.ParseUint(at, 10, 64); err != nil || p == 0 {
			return 0, 0, false
		}
	}
	return v, ledger.Position(p), holdTag(v, ledger.Position(p)) == tag
}

// IsHold reports whether a tag is one that holds a version for a rollback.
func IsHold(tag string) bool {
	_, _, ok := parseHold(tag)
	return ok
}

func hold(store *checkpoint.Store, v checkpoint.Version, record ledger.Position) error {
	if err := store.Tag(holdTag(v, record), v); err != nil {
		return fmt.Errorf("hold %s for a rollback: %w", v, err)
	}
	return nil
}

// Hold keeps the version that a control in the log names, if it is a rollback, for as
// long as the record may be scanned again. The same call again does nothing more.
func (m *Machine) Hold(c *feedback.Control, record ledger.Position) error {
	if c.Action != feedback.Rollback {
		return nil
	}
	return hold(m.Store, checkpoint.Version(c.Version), record)
}

// Settle gives a position to what was held for records whose fate an earlier process did
// not hear of: none of them comes after last, the end of the log at start.
func (m *Machine) Settle(last ledger.Position) error {
	tags, err := m.Store.Tags()
	if err != nil {
		return fmt.Errorf("list tags: %w", err)
	}
	for tag := range tags {
		v, record, ok := parseHold(tag)
		if !ok || record != 0 {
			continue
		}
		if last > 0 {
			if err := hold(m.Store, v, last); err != nil {
				return err
			}
		}
		if err := m.letGo(tag); err != nil {
			return err
		}
	}
	return nil
}

// LetGo releases the versions that were held for rollback records which no scan will
// meet again: none that begins at a version which retention keeps.
func (m *Machine) LetGo() error {
	tags, err := m.Store.Tags()
	if err != nil {
		return fmt.Errorf("list tags: %w", err)
	}
	var held []string
	for tag := range tags {
		if _, record, ok := parseHold(tag); ok && record != 0 {
			held = append(held, tag)
		}
	}
	if len(held) == 0 {
		return nil
	}
	starts, err := m.starts(tags)
	if err != nil {
		return err
	}
	for _, tag := range held {
		v, record, _ := parseHold(tag)
		needed := false
		for _, s := range starts {
			// A scan from v itself has v.
			needed = needed || s != v && s < checkpoint.Version(record)
		}
		if needed {
			continue
		}
		if err := m.letGo(tag); err != nil {
			return err
		}
	}
	return nil
}

// starts lists the whole versions that retention keeps for other reasons than these tags.
func (m *Machine) starts(tags map[string]checkpoint.Version) ([]checkpoint.Version, error) {
	list, err := m.Store.Versions()
	if err != nil {
		return nil, fmt.Errorf("list versions: %w", err)
	}
	channels, err := m.Store.Channels()
	if err != nil {
		return nil, fmt.Errorf("list channels: %w", err)
	}
	named := map[checkpoint.Version]bool{}
	for _, v := range channels {
		named[v] = true
	}
	for tag, v := range tags {
		if _, _, ok := parseHold(tag); !ok {
			named[v] = true
		}
	}
	keep := m.Config.Checkpoint.Config.WithDefaults()
	var starts []checkpoint.Version
	counted := 0
	for i := range list { // the newest first
		man := &list[i]
		if !Resumable(man) {
			continue
		}
		old := keep.KeepFor > 0 && list[0].LogTime.Sub(man.LogTime) > keep.KeepFor
		if named[man.Version] || counted == 0 || (counted < keep.Keep && !old) {
			starts = append(starts, man.Version)
		}
		if !named[man.Version] {
			counted++
		}
	}
	return starts, nil
}

func (m *Machine) letGo(tag string) error {
	if err := m.Store.Untag(tag); err != nil && !errors.Is(err, checkpoint.ErrNotFound) {
		return fmt.Errorf("let go of %s: %w", tag, err)
	}
	return nil
}
