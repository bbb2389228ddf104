package continual

// A Mean is a running weighted mean. That of the mean accuracy on the tasks seen so far,
// over all looks, is the anytime accuracy AAA (Caccia et al., "Online fast adaptation and
// knowledge accumulation", 2020); where looks are not evenly spaced, each weighs as many
// examples as were learned since the one before.
type Mean struct {
	Sum    float64 `cbor:"sum"` // of weighted values
	Weight float64 `cbor:"weight"`
}

// Add adds a value.
func (m *Mean) Add(value, weight float64) {
	m.Sum += float64(value * weight)
	m.Weight += weight
}

// Value is NaN if nothing of any weight was added.
func (m Mean) Value() float64 { return m.Sum / m.Weight } // 0/0 is NaN
