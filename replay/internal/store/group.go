package store

import "math"

// A Key tells groups apart: by segment, or by class, where a complementary label
// makes a class of its own and a soft binary target counts as class 1 from 0.5.
type Key struct {
	Segment  string
	Class    float32
	Negative bool
}

// ClassOf returns the key of an example's class.
func ClassOf(ex *Example) Key {
	class := math.Floor(float64(ex.Target) + 0.5)
	if class != class { // NaN equals nothing, not even as a key
		class = 0
	}
	return Key{Class: float32(class), Negative: ex.Negative}
}

// SegmentOf returns the key of an example's segment.
func SegmentOf(ex *Example) Key { return Key{Segment: ex.Segment} }

// MaxHeard bounds Heard: for so many arrivals a mean is one of equal weights, after that older
// ones fade.
const MaxHeard = 1000

// A Group is the examples of one class or segment.
type Group struct {
	Key     Key
	Seen    uint64 // arrivals that no removal cancels; at least the number of members
	Full    bool   // class-balanced: it was the largest once
	Shared  bool   // of all keys that came after the last place was taken
	Members Members
	// Mean is the mean of the features of Heard arrivals, as herding reckons it; nil
	// is all zeros.
	Mean  []float32
	Heard uint32
}
