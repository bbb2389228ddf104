package ledger

import "fmt"

// An embedded broker that meets a full disk stops writing for good, until it is started
// again. So it never gets there: while less than Config.FreeBytes is free on its disk,
// appends are refused, and what is left serves erasures, dead letters and versions.

// room returns ErrFull if the disk of the embedded log has too little of it.
func (l *Log) room() error {
	if l.broker.free == nil {
		return nil
	}
	free, ok := l.broker.free()
	if !ok || free >= uint64(l.cfg.FreeBytes) {
		return nil
	}
	return fmt.Errorf("%d bytes are free on the disk of %s, and log.free_bytes keeps %d: %w", free, l.cfg.Dir, l.cfg.FreeBytes, ErrFull)
}
