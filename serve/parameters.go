package serve

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/perennial-ml/perennial/serve/oip"
)

// parameters are the request parameters of an inference that the server reads. The
// protocol leaves names free: others are passed over.
type parameters struct {
	subjects []string // one for all rows, or one a row; empty for none
	ids      []string // of the predictions, one a row; empty for ones of the server's own
	consent  feedback.Consent
	segments []map[string]string // one for all rows, or one a row
	flags    []map[string]string
	silent   bool // record: false
}

// Names of parameters that hold one label each: segment.country = "de". Clients whose
// parameters can only be scalars use these.
const (
	segmentPrefix = "segment."
	flagPrefix    = "flag."
)

func parameterField(name string) string { return "parameters." + name }

// read takes the parameters of a request of n rows. Errors are *problem.
func (p *parameters) read(list []oip.Parameter, n int) error {
	*p = parameters{}
	var segments, flags map[string]string
	for _, param := range list {
		var err error
		rule := ""
		switch name := param.Name; {
		case name == "subject":
			p.subjects, err = one(param.Value)
			rule = "must be a string"
		case name == "subjects":
			rule = "must be an array of one string a row"
			p.subjects, err = each(param.Value, n)
		case name == "prediction_id":
			rule = "must be a string, for a request of one row"
			if p.ids, err = one(param.Value); err == nil && n != 1 {
				err = errRule
			}
			if err == nil && !usable(p.ids) {
				rule, err = ruleID(), errRule
			}
		case name == "prediction_ids":
			rule = "must be an array of one string a row"
			p.ids, err = each(param.Value, n)
			if err == nil && !usable(p.ids) {
				rule, err = "each "+ruleID(), errRule
			}
		case name == "consent":
			rule = "must be none, measure or learn"
			var text string
			if err = json.Unmarshal(param.Value, &text); err == nil {
				p.consent, err = feedback.ParseConsent(text)
			}
			if err == nil && p.consent == feedback.ConsentUnset {
				err = errRule
			}
		case name == "segments":
			rule = "must be an object of strings, or an array of one such object a row"
			p.segments, err = labels(param.Value, n)
		case name == "flags":
			rule = "must be an object of strings, or an array of one such object a row"
			p.flags, err = labels(param.Value, n)
		case name == "record":
			rule = "must be true or false"
			record := true
			err = json.Unmarshal(param.Value, &record)
			p.silent = !record
		case strings.HasPrefix(name, segmentPrefix):
			rule = "must be a string"
			segments, err = addLabel(segments, name[len(segmentPrefix):], param.Value)
		case strings.HasPrefix(name, flagPrefix):
			rule = "must be a string"
			flags, err = addLabel(flags, name[len(flagPrefix):], param.Value)
		}
		if err != nil {
			return newProblem(400, codeParameter, "").at(parameterField(param.Name), rule)
		}
	}
	p.segments = spread(p.segments, segments)
	p.flags = spread(p.flags, flags)
	seen := make(map[string]struct{}, len(p.ids))
	for _, id := range p.ids {
		if _, twice := seen[id]; twice {
			return newProblem(400, codeParameter, "").at(parameterField("prediction_ids"), fmt.Sprintf("must not hold %q twice", id))
		}
		seen[id] = struct{}{}
	}
	return nil
}

// maxPredictionID is the largest length of a caller's prediction id in bytes, so that
// the ids made of it are identifiers too.
const maxPredictionID = feedback.MaxID - len(eventPrefix) - len(shadowSuffix)

func ruleID() string {
	return fmt.Sprintf("must have 1 to %d printable ASCII characters without spaces", maxPredictionID)
}

func usable(ids []string) bool {
	for _, id := range ids {
		if id == "" || len(id) > maxPredictionID {
			return false
		}
		for i := range len(id) {
			if id[i] <= ' ' || id[i] > '~' {
				return false
			}
		}
	}
	return true
}

// errRule marks a value that has the right JSON type and breaks the rule.
var errRule = fmt.Errorf("rule broken")

func one(value json.RawMessage) ([]string, error) {
	var s *string
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, errRule
	}
	return []string{*s}, nil
}

func each(value json.RawMessage, n int) ([]string, error) {
	var list []string
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, err
	}
	if len(list) != n {
		return nil, errRule
	}
	return list, nil
}

func labels(value json.RawMessage, n int) ([]map[string]string, error) {
	if len(value) > 0 && value[0] == '[' {
		var list []map[string]string
		if err := json.Unmarshal(value, &list); err != nil {
			return nil, err
		}
		if len(list) != n {
			return nil, errRule
		}
		return list, nil
	}
	var m map[string]string
	if err := json.Unmarshal(value, &m); err != nil {
		return nil, err
	}
	return []map[string]string{m}, nil
}

func addLabel(m map[string]string, key string, value json.RawMessage) (map[string]string, error) {
	var text *string
	if err := json.Unmarshal(value, &text); err != nil {
		return m, err
	}
	if text == nil || key == "" {
		return m, errRule
	}
	if m == nil {
		m = map[string]string{}
	}
	m[key] = *text
	return m, nil
}

// spread lays labels that hold for every row over those of each.
func spread(rows []map[string]string, all map[string]string) []map[string]string {
	if len(all) == 0 {
		return rows
	}
	if len(rows) == 0 {
		return []map[string]string{all}
	}
	for i, m := range rows {
		merged := maps.Clone(all)
		maps.Copy(merged, m)
		rows[i] = merged
	}
	return rows
}

// of returns element i of a list that has one element for all rows, or one a row, or
// none.
func of[T any](list []T, i int) T {
	var zero T
	switch len(list) {
	case 0:
		return zero
	case 1:
		return list[0]
	}
	return list[i]
}
