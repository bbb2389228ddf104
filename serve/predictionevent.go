package serve

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/serve/oip"
)

// A served is one row as it was answered.
type served struct {
	id         string
	subject    string
	features   json.RawMessage
	outputs    []float32
	version    uint64
	channel    string
	segments   map[string]string
	flags      map[string]string
	propensity float64 // 0: not randomised
}

// appendPayload appends the payload of a prediction event: feedback.Prediction as
// JSON, the features as they are, each output with the digits of the answer.
func (s *served) appendPayload(dst []byte) []byte {
	dst = append(dst, `{"prediction_id":`...)
	dst = oip.AppendString(dst, s.id)
	dst = append(dst, `,"features":`...)
	dst = append(dst, s.features...)
	dst = append(dst, `,"outputs":[`...)
	for i, v := range s.outputs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = oip.AppendFloat(dst, v)
	}
	dst = append(dst, `],"model_version":`...)
	dst = strconv.AppendUint(dst, s.version, 10)
	dst = append(dst, `,"channel":"`...)
	dst = append(dst, s.channel...)
	dst = append(dst, '"')
	dst = appendLabels(dst, `,"segments":`, s.segments)
	dst = appendLabels(dst, `,"flags":`, s.flags)
	if s.propensity > 0 {
		dst = append(dst, `,"propensity":`...)
		dst = strconv.AppendFloat(dst, s.propensity, 'g', -1, 64)
	}
	return append(dst, '}')
}

func appendLabels(dst []byte, name string, m map[string]string) []byte {
	if len(m) == 0 {
		return dst
	}
	dst = append(dst, name...)
	for i, k := range slices.Sorted(maps.Keys(m)) {
		dst = append(dst, "{,"[min(i, 1)])
		dst = oip.AppendString(dst, k)
		dst = append(dst, ':')
		dst = oip.AppendString(dst, m[k])
	}
	return append(dst, '}')
}

// eventPrefix makes the id of a prediction's event from the prediction's own, so that a
// feedback event that an application gave its prediction's id is not taken for it.
const eventPrefix = "prediction:"

// shadowSuffix makes the id of a shadow prediction from that of the one it shadows.
const shadowSuffix = ".shadow"

// event returns the prediction event. Data is cut from arena, which the caller hands
// over for good.
func (s *served) event(arena []byte, source string, consent feedback.Consent, now time.Time) (feedback.Event, []byte) {
	from := len(arena)
	arena = s.appendPayload(arena)
	return feedback.Event{
		ID: eventPrefix + s.id, Source: source, Type: feedback.TypePrediction, Subject: s.subject,
		Time: now, Consent: consent, Data: arena[from:len(arena):len(arena)],
	}, arena
}
