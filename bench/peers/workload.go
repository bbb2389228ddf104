package main

// A spec says what both sides build: it is what a worker is sent.
type spec struct {
	Kind      string `json:"kind"`
	Widths    []int  `json:"widths,omitempty"`
	Batch     int    `json:"batch,omitempty"`
	Classes   int    `json:"classes,omitempty"`
	Optimizer string `json:"optimizer,omitempty"`
	// Ring is the number of examples that a workload goes through again and again.
	Ring   int   `json:"ring,omitempty"`
	Rows   int   `json:"rows,omitempty"` // of a table
	Fields int   `json:"fields,omitempty"`
	Dim    int   `json:"dim,omitempty"`
	Hidden []int `json:"hidden,omitempty"`
	Size   int   `json:"size,omitempty"`
}

// A cost is what a step cannot do without.
type cost struct {
	FLOP  float64 // two for a multiply-add
	Bytes float64 // between the processor and where the data lies
	// Footprint is the memory that the bytes are spread over.
	Footprint float64
	// Lines are cache lines at random places of LineFootprint, read and written.
	Lines, LineFootprint float64
}

// A workload is one row of the table.
type workload struct {
	group   string
	name    string
	spec    spec
	threads int
	aim     float64 // ours over the rival; 0 for none
	rate    float64 // ours a second that is aimed at; 0 for none
	cost    cost
	// ours builds a fresh instance.
	ours func(spec) (func() error, error)
	// rival builds one in this process; nil for PyTorch.
	rival     func(spec) (func() error, error)
	rivalName string
	// unit is what is counted, so many a step: steps, examples, GFLOP.
	unit    string
	perStep float64
	// rivalStep is the same for the rival, where that differs.
	rivalStep float64
	alone     bool // there is no rival
	allocates bool // zero allocations are not promised
}
