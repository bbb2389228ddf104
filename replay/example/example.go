package example

// An Example is one weighted training example. It is immutable once it was added to a memory:
// memories, micro-batches and snapshots share it by pointer. One that a memory made itself may
// be written over when nobody else can hold it any more: see replay.Returner.
type Example struct {
	ID       string // the prediction's id, or a self-contained event's id
	Subject  string // the pseudonymous person, for erasure
	Position uint64 // the log position that completed the example
	Time     int64  // log time of that position, nanoseconds since the Unix epoch
	Segment  string // "key=value" of the segment label that the memory stratifies by

	Dense      []float32
	Categories []int32
	// Packed holds the dense features in the place of Dense, in a memory that stores
	// them as bytes: k stands for k/255.
	Packed []uint8 `cbor:",omitempty"`

	// Target is the class (binary 0..1, possibly soft; multiclass the index) or
	// the value.
	Target float32
	// Negative marks a complementary label: the class is known not to be Target.
	Negative bool
	Weight   float32

	// Logits are the raw outputs that the learner gave for the example when it was
	// stored or last refreshed, at the log position LogitsAt; nil if they are not
	// kept. They are shorter than the learner's outputs if its head grew since.
	Logits   []float32 `cbor:",omitempty"`
	LogitsAt uint64    `cbor:",omitempty"`
}

// Width returns the number of dense features, whichever way they are held.
func (ex *Example) Width() int { return len(ex.Dense) + len(ex.Packed) }
