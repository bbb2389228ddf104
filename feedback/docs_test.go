package feedback_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/perennial-ml/perennial/feedback"
	"github.com/stretchr/testify/require"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + name)
	require.NoError(t, err)
	return string(text)
}

func jsonBlocks(text string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, strings.TrimSpace(m[1]))
	}
	return out
}

func TestRefusalsDocListsExactlyTheCodes(t *testing.T) {
	var listed []feedback.Code
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(readDoc(t, "refusals.md"), -1) {
		listed = append(listed, feedback.Code(m[1]))
	}
	require.Equal(t, feedback.Codes(), listed)

	source, err := os.ReadFile("refusal.go")
	require.NoError(t, err)
	declared := regexp.MustCompile(`(?m)^\tCode\w+\s+Code = "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, declared, len(feedback.Codes()), "Codes must return every constant")
}

func TestSignalsDocShowsEverySignalAndItsExamplesDecode(t *testing.T) {
	text := readDoc(t, "signals.md")
	d := newDecoder(t, nil)
	shown := map[feedback.SignalKind]bool{}
	operations := map[feedback.OperationKind]bool{}
	for _, block := range jsonBlocks(text) {
		rec, err := d.Decode(event(feedback.TypeFeedback, block))
		require.NoError(t, err, block)
		if s := rec.Feedback.Signal; s != nil {
			shown[s.Kind] = true
		}
		if op := rec.Feedback.Operation; op != nil {
			operations[op.Kind] = true
		}
	}
	for _, kind := range feedback.SignalKinds() {
		require.True(t, shown[kind], "no example of %s", kind)
		require.Regexp(t, "(?m)^\\| `"+string(kind)+"` \\| "+string(kind.Class())+" \\|", text, "table and Class must agree")
	}
	require.Len(t, operations, 3)
}

func TestEventsDocExamplesDecode(t *testing.T) {
	blocks := jsonBlocks(readDoc(t, "format/events.md"))
	require.Len(t, blocks, 2)
	d := newDecoder(t, nil)
	for i, kind := range []string{feedback.TypePrediction, feedback.TypeControl} {
		_, err := d.Decode(event(kind, blocks[i]))
		require.NoError(t, err)
	}
}
