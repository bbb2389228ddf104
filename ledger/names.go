package ledger

import (
	"fmt"
	"strings"

	"github.com/perennial-ml/perennial/feedback"
)

const (
	streamPrefix  = "PERENNIAL_"
	deadSuffix    = "_DEAD"
	subjectPrefix = "perennial."

	nameRule = "be 1 to 64 letters, digits, '-' or '_', and begin with a letter or a digit"
)

// StreamName returns the name of a model's stream.
func StreamName(model string) string { return streamPrefix + model }

// DeadStreamName returns the name of the stream that keeps a model's dead letters.
func DeadStreamName(model string) string { return streamPrefix + model + deadSuffix }

// Subject returns the subject on which a model's events of one CloudEvents type are
// stored, and false for a type that has none.
func Subject(model, eventType string) (string, bool) {
	var leaf string
	switch eventType {
	case feedback.TypePrediction:
		leaf = "prediction"
	case feedback.TypeFeedback:
		leaf = "feedback"
	case feedback.TypeControl:
		leaf = "control"
	case feedback.TypeTick:
		leaf = "tick"
	default:
		return "", false
	}
	return subjectPrefix + model + "." + leaf, true
}

func eventSubjects(model string) []string {
	at := subjectPrefix + model + "."
	return []string{at + "prediction", at + "feedback", at + "control", at + "tick"}
}

// letterSubject is where the dead letter of one position lies; tombstoneSubject where
// the mark lies that the position was erased. One message on each, at most.
func letterSubject(model string, p Position) string {
	return fmt.Sprintf("%s%s.dead.%d", subjectPrefix, model, p)
}

func tombstoneSubject(model string, p Position) string {
	return fmt.Sprintf("%s%s.erased.%d", subjectPrefix, model, p)
}

// checkModelName refuses names that cannot stand in a stream name or a subject, and
// those whose stream would be another model's dead letters.
func checkModelName(model string) error {
	if !validName(model) {
		return fmt.Errorf("model name %q: must %s", model, nameRule)
	}
	if strings.HasSuffix(model, deadSuffix) {
		return fmt.Errorf("model name %q: must not end in %s, the mark of dead letters", model, deadSuffix)
	}
	return nil
}

func validName(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return true
}
