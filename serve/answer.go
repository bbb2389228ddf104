package serve

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/perennial-ml/perennial/checkpoint/hotload"
	"github.com/perennial-ml/perennial/models"
	"github.com/perennial-ml/perennial/serve/oip"
)

// versions lists the versions that a path may name now.
func (f *inferrer) versions() []string {
	var list []string
	for _, w := range []*hotload.Loaded{current(f.model.Stable), current(f.model.Candidate)} {
		if w != nil {
			if v := strconv.FormatUint(uint64(w.Version), 10); !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
	}
	return append(list, Stable, Candidate)
}

// wanted returns the names of the outputs to answer with: those asked for, or all. It
// refuses a name that the model does not have.
func (f *inferrer) wanted(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return f.outputs, nil
	}
	for i, name := range asked {
		if !slices.Contains(f.outputs, name) {
			return nil, newProblem(http.StatusBadRequest, codeParameter, "the model has no output "+strconv.Quote(name)).
				at("outputs["+strconv.Itoa(i)+"].name", "must be one of "+strings.Join(f.outputs, ", "))
		}
	}
	return asked, nil
}

// respond writes the answer into sc.
func (f *inferrer) respond(sc *scratch, wanted []string) []byte {
	resp := oip.Response{Model: f.model.Name, ID: sc.req.ID, HasID: sc.req.HasID}
	first := &sc.rows[0].served
	same := true
	for i := range sc.rows {
		same = same && sc.rows[i].version == first.version && sc.rows[i].channel == first.channel
	}
	if same {
		resp.Version = strconv.FormatUint(first.version, 10)
		resp.Parameters = append(resp.Parameters, `{"channel":"`...)
		resp.Parameters = append(resp.Parameters, first.channel...)
		resp.Parameters = append(resp.Parameters, '"')
		if len(sc.rows) == 1 {
			resp.Parameters = append(resp.Parameters, `,"prediction_id":`...)
			resp.Parameters = oip.AppendString(resp.Parameters, first.id)
		}
		resp.Parameters = append(resp.Parameters, '}')
	}
	resp.Outputs = make([]oip.Output, 0, len(wanted))
	for _, name := range wanted {
		resp.Outputs = append(resp.Outputs, f.output(name, sc))
	}
	sc.answer = oip.AppendResponse(sc.answer[:0], &resp)
	return sc.answer
}

// The outputs beside the model's own.
const (
	outProbabilities = "probabilities"
	outValue         = "value"
	outLabel         = "label"
	outPredictionID  = "prediction_id"
	outVersion       = "model_version"
	outChannel       = "channel"
)

// outputs describes the outputs of a model: probabilities and label, or value, and for
// each row the prediction's id, the version and the channel.
func (m *Model) outputs() []oip.TensorMetadata {
	classes := m.Spec.Outputs()
	if m.Grows {
		classes = -1
	}
	list := []oip.TensorMetadata{{Name: outProbabilities, Datatype: "FP32", Shape: []int{-1, classes}}, {Name: outLabel, Datatype: "INT64", Shape: []int{-1}}}
	if m.Spec.Task == models.Regression {
		list = []oip.TensorMetadata{{Name: outValue, Datatype: "FP32", Shape: []int{-1, 1}}}
	}
	return append(list,
		oip.TensorMetadata{Name: outPredictionID, Datatype: "BYTES", Shape: []int{-1}},
		oip.TensorMetadata{Name: outVersion, Datatype: "UINT64", Shape: []int{-1}},
		oip.TensorMetadata{Name: outChannel, Datatype: "BYTES", Shape: []int{-1}},
	)
}

// output fills in one output of the rows; name is one of Model.outputs.
func (f *inferrer) output(name string, sc *scratch) oip.Output {
	n, k := len(sc.rows), sc.width
	o := oip.Output{Name: name, Shape: [2]int{n, 0}}
	switch name {
	case outProbabilities, outValue:
		o.Shape[1], o.FP32 = k, sc.out[:n*k]
	case outLabel:
		for i := range sc.rows {
			o.INT64 = append(o.INT64, label(sc.rows[i].outputs))
		}
	case outPredictionID:
		for i := range sc.rows {
			o.BYTES = append(o.BYTES, sc.rows[i].id)
		}
	case outVersion:
		for i := range sc.rows {
			o.UINT64 = append(o.UINT64, sc.rows[i].version)
		}
	case outChannel:
		for i := range sc.rows {
			o.BYTES = append(o.BYTES, sc.rows[i].channel)
		}
	}
	return o
}

// label is the class of the largest probability, the first of equal ones; for a binary
// model 1 where p(1) is at least one half.
func label(p []float32) int64 {
	if len(p) == 1 {
		if p[0] >= 0.5 {
			return 1
		}
		return 0
	}
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return int64(best)
}
