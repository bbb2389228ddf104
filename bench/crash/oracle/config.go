package oracle

import "time"

// Config is what the learner's configuration says about joining and batching. The
// oracle knows no settling: a signal counts at once (signals.join.settle 0).
type Config struct {
	// Classes is the number of classes; 0 for a binary task.
	Classes int
	// Learn says that an event without the attribute consent may be learned from.
	Learn bool

	Reliability map[string]float64 // by kind of signal
	RatingMin   float64
	RatingMax   float64
	Dwell       float64 // seconds from which a dwell is positive

	Window         time.Duration // of attribution
	OrphanWait     time.Duration
	MaxPredictions int

	BatchSize int
	BatchWait time.Duration
}

// Counts are what the learner should have counted. The names follow the engine's.
type Counts struct {
	Records     uint64
	Predictions uint64
	Feedback    uint64
	Controls    uint64
	Ticks       uint64
	Refused     uint64
	Duplicates  uint64

	Signals         uint64
	SelfContained   uint64
	Resolved        uint64
	MeasuredOnly    uint64
	Late            uint64
	Unknown         uint64
	AfterWithdrawal uint64
	Evicted         uint64
	Unlabelled      uint64
	NoTarget        uint64

	Learned uint64 // examples that were part of a step
	Scored  uint64 // examples scored before any step

	Waiting int // predictions in the window
	Orphans int
	Pending int // examples that wait for their batch
}
