package feedback

// intern returns text as a string, without a copy for the words that most events
// share.
func intern(text []byte) string {
	switch string(text) {
	case SpecVersion:
		return SpecVersion
	case TypeFeedback:
		return TypeFeedback
	case TypePrediction:
		return TypePrediction
	case contentJSON:
		return contentJSON
	case "learn":
		return "learn"
	case "measure":
		return "measure"
	case "stable":
		return "stable"
	case "candidate":
		return "candidate"
	}
	for _, k := range [...]SignalKind{Label, Click, Skip, Correctness, Conversion, Dwell} {
		if string(text) == string(k) {
			return string(k)
		}
	}
	return string(text)
}
