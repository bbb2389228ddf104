package arm

import "github.com/perennial-ml/perennial/engine/prequential"

// Counts counts what an arm did. It only grows.
type Counts struct {
	Steps     uint64 `json:"steps"`
	Learned   uint64 `json:"learned"`    // new examples that were part of a step
	Rehearsed uint64 `json:"rehearsed"`  // drawn from the memory
	NonFinite uint64 `json:"non_finite"` // steps dropped whole, and batches not scored, for a NaN or an infinity
	Unusable  uint64 `json:"unusable"`   // examples whose own gradient is a NaN or an infinity
	Forgotten uint64 `json:"forgotten"`  // examples taken out of the memory: revised, retracted, rolled back
	// Consolidations counts the phases of learning that ended.
	Consolidations uint64 `json:"consolidations"`
	Drifts         uint64 `json:"drifts"` // alarms of the drift detector
}

// A Report is an arm's account of itself.
type Report struct {
	Name        string             `json:"name"`
	Counts      Counts             `json:"counts"`
	MemoryLen   int                `json:"memory_len"`
	MemoryBytes int                `json:"memory_bytes"`
	MemoryWhole int                `json:"memory_whole,omitempty"` // held as they came where bytes were asked for
	Prequential prequential.Report `json:"prequential"`
}

// Report returns the arm's account of itself.
func (a *Arm) Report() Report {
	return Report{
		Name:        a.cfg.Name,
		Counts:      a.counts,
		MemoryLen:   a.memory.Len(),
		MemoryBytes: a.memoryBytes(),
		MemoryWhole: a.memory.Whole(),
		Prequential: a.meter.Report(),
	}
}

// memoryBytes estimates what the arm's examples take.
func (a *Arm) memoryBytes() int {
	if a.phase != nil {
		return a.memory.Bytes() + a.phase.Bytes()
	}
	return a.memory.Bytes()
}
