package feedback

// The channels by which a prediction may have been served.
const (
	ChannelStable    = "stable"
	ChannelCandidate = "candidate"
	ChannelShadow    = "shadow" // computed beside the answer, and not given
)

// Tick reports whether the record only moves log time forward.
func (r *Record) Tick() bool { return r.Type == TypeTick }
