package signal

// Counts says where every prediction and signal went. It only grows.
type Counts struct {
	Predictions     uint64 `json:"predictions"`      // taken into the window
	Shadow          uint64 `json:"shadow"`           // shadow predictions, which await no signal
	Signals         uint64 `json:"signals"`          // that reached a prediction, or came with their features
	SelfContained   uint64 `json:"self_contained"`   // signals that came with their features
	Resolved        uint64 `json:"resolved"`         // predictions that became an example
	Late            uint64 `json:"late"`             // signals and operations whose prediction had left the window
	Unknown         uint64 `json:"unknown"`          // whose prediction never came within the orphan wait
	OrphansEvicted  uint64 `json:"orphans_evicted"`  // whose wait was cut short by a bound
	AfterWithdrawal uint64 `json:"after_withdrawal"` // signals on a prediction that was withdrawn or expired
	Evicted         uint64 `json:"evicted"`          // predictions that left by a bound, without a signal
	Unlabelled      uint64 `json:"unlabelled"`       // predictions that left by time, without a signal
	Surplus         uint64 `json:"surplus"`          // signals beyond max_signals on one prediction
	NoTarget        uint64 `json:"no_target"`        // signals that carry no target for this task
	Contradicted    uint64 `json:"contradicted"`     // resolutions whose weight fell to zero
	Amended         uint64 `json:"amended"`          // signals replaced before they were resolved
	AmendedAfter    uint64 `json:"amended_after"`    // and after
	Withdrawn       uint64 `json:"withdrawn"`        // signals taken back before they were resolved
	WithdrawnAfter  uint64 `json:"withdrawn_after"`  // and after
	Expired         uint64 `json:"expired"`          // examples that no longer hold
	Revised         uint64 `json:"revised"`          // examples whose target a later signal changed
	Reweighed       uint64 `json:"reweighed"`        // examples whose weight a later signal changed
	MeasuredOnly    uint64 `json:"measured_only"`    // resolutions scored and, for want of consent, not learned
	RepeatedID      uint64 `json:"repeated_id"`      // predictions whose id was used before
}
