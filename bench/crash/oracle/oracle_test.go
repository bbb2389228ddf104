package oracle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/crash/oracle"
)

func config() oracle.Config {
	return oracle.Config{
		Learn:       true,
		Reliability: map[string]float64{"label": 1, "correctness": 0.9, "click": 0.3, "skip": 0.2, "preference": 0.6, "rating": 0.8, "correction": 1},
		RatingMin:   1, RatingMax: 5,
		Window: 10 * time.Second, OrphanWait: time.Second, MaxPredictions: 3,
		BatchSize: 2, BatchWait: 20 * time.Millisecond,
	}
}

// A tape is a log made by hand: one record a millisecond.
type tape struct {
	o   *oracle.Oracle
	now time.Time
	pos uint64
}

func newTape(c oracle.Config) *tape { return &tape{o: oracle.New(c), now: time.Unix(1000, 0)} }

func (l *tape) put(kind, id, consent, data string) {
	l.pos++
	l.now = l.now.Add(time.Millisecond)
	h := map[string][]string{"ce-id": {id}, "ce-type": {"perennial." + kind + ".v1"}}
	if consent != "" {
		h["ce-consent"] = []string{consent}
	}
	l.o.Apply(oracle.Record{Position: l.pos, Time: l.now, Header: h, Data: []byte(data)})
}

func (l *tape) predict(id string) {
	l.put("prediction", "prediction:"+id, "", fmt.Sprintf(`{"prediction_id": %q, "outputs": [0.7], "channel": "stable"}`, id))
}

func (l *tape) label(id, prediction string, y int) {
	l.put("feedback", id, "", fmt.Sprintf(`{"prediction_id": %q, "signal": {"kind": "label", "value": %d}}`, prediction, y))
}

func (l *tape) wait(d time.Duration) {
	l.now = l.now.Add(d)
	l.put("tick", "t", "", "")
}

func TestRepeatedEventIsLearnedOnce(t *testing.T) {
	l := newTape(config())
	l.predict("p")
	for range 3 {
		l.label("f", "p", 1)
	}
	l.predict("p")
	l.wait(time.Second)
	c := l.o.Counts()
	require.EqualValues(t, 1, c.Learned)
	require.EqualValues(t, 3, c.Duplicates)
	require.Zero(t, l.o.Twice())
}

func TestSignalBeforeItsPredictionJoinsIt(t *testing.T) {
	l := newTape(config())
	l.label("f", "p", 1)
	l.put("feedback", "w", "", `{"operation": {"kind": "withdraw", "event_id": "g"}}`)
	l.predict("p")
	l.predict("q")
	l.label("g", "q", 1)
	l.wait(30 * time.Millisecond)
	c := l.o.Counts()
	require.EqualValues(t, 1, c.Learned, "q's only signal was withdrawn before it came")
	require.Zero(t, c.Orphans)
}

func TestAmendmentAfterLearningIsARevisionNotADoubling(t *testing.T) {
	l := newTape(config())
	l.predict("p")
	l.label("f", "p", 1)
	l.wait(30 * time.Millisecond)
	require.EqualValues(t, 1, l.o.Counts().Learned)
	l.put("feedback", "a", "", `{"operation": {"kind": "amend", "event_id": "f"}, "signal": {"kind": "label", "value": 0}}`)
	l.wait(30 * time.Millisecond)
	require.EqualValues(t, 2, l.o.Counts().Learned)
	require.EqualValues(t, 1, l.o.Counts().Scored, "a revision is not scored anew")
	require.Zero(t, l.o.Twice())
}

func TestAmendmentBeforeLearningReplacesTheExample(t *testing.T) {
	l := newTape(config())
	l.predict("p")
	l.label("f", "p", 1)
	l.put("feedback", "a", "", `{"operation": {"kind": "amend", "event_id": "f"}, "signal": {"kind": "label", "value": 0}}`)
	require.Equal(t, 1, l.o.Counts().Pending)
	l.put("feedback", "w", "", `{"prediction_id": "p", "operation": {"kind": "withdraw"}}`)
	require.Zero(t, l.o.Counts().Pending)
	l.label("late", "p", 1)
	require.EqualValues(t, 1, l.o.Counts().AfterWithdrawal)
}

func TestConsentDecidesWhatIsLearned(t *testing.T) {
	for _, tc := range []struct {
		name, consent     string
		learned, measured uint64
	}{
		{"to learn", "learn", 1, 0},
		{"to measure", "measure", 0, 1},
		{"by default", "", 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTape(config())
			l.put("feedback", "f", tc.consent, `{"features": {}, "signal": {"kind": "label", "value": 1}}`)
			l.wait(30 * time.Millisecond)
			require.Equal(t, tc.learned, l.o.Counts().Learned)
			require.Equal(t, tc.measured, l.o.Counts().MeasuredOnly)
		})
	}
}

func TestSignalsAreCountedByTheReasonWhyTheyDoNotJoin(t *testing.T) {
	l := newTape(config())
	for _, id := range []string{"a", "b", "c", "d"} { // d drives a out
		l.predict(id)
	}
	l.label("f1", "a", 1)
	l.label("f2", "nobody", 1)
	l.wait(2 * time.Second)
	l.wait(10 * time.Second)
	l.label("f3", "b", 1)
	c := l.o.Counts()
	require.EqualValues(t, 1, c.Evicted)
	require.EqualValues(t, 2, c.Late)
	require.EqualValues(t, 1, c.Unknown)
	require.EqualValues(t, 3, c.Unlabelled)
}

func TestBatchesAreFullOrHaveWaited(t *testing.T) {
	l := newTape(config())
	l.put("feedback", "1", "", `{"features": {}, "signal": {"kind": "label", "value": 1}}`)
	require.Zero(t, l.o.Counts().Learned)
	l.put("feedback", "2", "", `{"features": {}, "signal": {"kind": "label", "value": 1}}`)
	require.EqualValues(t, 2, l.o.Counts().Learned)
	l.put("feedback", "3", "", `{"features": {}, "signal": {"kind": "label", "value": 1}}`)
	l.wait(18 * time.Millisecond)
	require.EqualValues(t, 2, l.o.Counts().Learned)
	l.wait(time.Millisecond)
	require.EqualValues(t, 3, l.o.Counts().Learned)
}

func TestRollbackOfTheLearnerDropsWhatIsPendingSince(t *testing.T) {
	for _, tc := range []struct {
		name, control string
		pending       int
	}{
		{"the learner goes back", `{"action": "rollback", "version": 1, "learner": true}`, 0},
		{"only the channel does", `{"action": "rollback", "version": 1}`, 1},
		{"a task ends", `{"action": "boundary", "task": "one"}`, 0},
		{"to after the example", `{"action": "rollback", "version": 2, "learner": true}`, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTape(config())
			l.predict("p")
			l.label("f", "p", 1)
			l.put("control", "c", "", tc.control)
			require.Equal(t, tc.pending, l.o.Counts().Pending)
		})
	}
}

func TestRecordsThatAreNoEventsAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, kind, id, consent, data string }{
		{"broken JSON", "feedback", "x", "", `{"prediction_id": "p"`},
		{"nothing said", "feedback", "x", "", `{"prediction_id": "p"}`},
		{"unknown kind", "feedback", "x", "", `{"prediction_id": "p", "signal": {"kind": "applause"}}`},
		{"unknown field", "feedback", "x", "", `{"prediction_id": "p", "signal": {"kind": "click"}, "x": 1}`},
		{"unreadable consent", "feedback", "x", "perhaps", `{"prediction_id": "p", "signal": {"kind": "click"}}`},
		{"no id", "feedback", "", "", `{"prediction_id": "p", "signal": {"kind": "click"}}`},
		{"unknown type", "party", "x", "", `{}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTape(config())
			l.put(tc.kind, tc.id, tc.consent, tc.data)
			require.EqualValues(t, 1, l.o.Counts().Refused)
			require.Equal(t, []uint64{1}, l.o.Refused())
		})
	}
}

// Votes, as docs/signals.md has them: what a lone signal makes of the prediction 0.7,
// seen by whether a label of 1 beside it agrees (no revision) or not.
func TestSignalsVoteAsTheDocumentsSay(t *testing.T) {
	for _, tc := range []struct {
		name, signal string
		revised      bool // a following label of 1 changes the target
	}{
		{"click", `{"kind": "click"}`, false},
		{"skip", `{"kind": "skip"}`, true},
		{"it was right", `{"kind": "correctness", "correct": true}`, false},
		{"it was wrong", `{"kind": "correctness", "correct": false}`, true},
		{"the highest rating", `{"kind": "rating", "value": 5}`, false},
		{"the lowest rating", `{"kind": "rating", "value": 1}`, true},
		{"preferred", `{"kind": "preference", "over": "other"}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newTape(config())
			l.predict("p")
			l.put("feedback", "f", "", `{"prediction_id": "p", "signal": `+tc.signal+`}`)
			l.wait(30 * time.Millisecond)
			l.label("g", "p", 1)
			l.wait(30 * time.Millisecond)
			want := uint64(1)
			if tc.revised {
				want = 2
			}
			require.Equal(t, want, l.o.Counts().Learned)
		})
	}
}

func TestMulticlassSignalsJudgeTheServedClass(t *testing.T) {
	c := config()
	c.Classes = 3
	l := newTape(c)
	l.put("prediction", "prediction:p", "", `{"prediction_id": "p", "outputs": [0.2, 0.5, 0.3], "channel": "stable"}`)
	l.put("feedback", "f", "", `{"prediction_id": "p", "signal": {"kind": "rating", "value": 3}}`)
	require.Zero(t, l.o.Counts().Resolved, "the middle of the scale weighs nothing")
	l.put("feedback", "g", "", `{"prediction_id": "p", "signal": {"kind": "click"}}`)
	l.wait(30 * time.Millisecond)
	l.label("h", "p", 1) // the class that was served
	l.wait(30 * time.Millisecond)
	require.EqualValues(t, 1, l.o.Counts().Learned)
	l.label("i", "p", 2)
	l.wait(30 * time.Millisecond)
	require.EqualValues(t, 2, l.o.Counts().Learned)
}

func Example() {
	o := oracle.New(config())
	at := time.Unix(0, 0)
	for i, data := range []string{
		`{"features": {"x": 1}, "signal": {"kind": "label", "value": 1}}`,
		`{"features": {"x": 1}, "signal": {"kind": "label", "value": 1}}`, // the same event again
		`{"features": {"x": 2}, "signal": {"kind": "label", "value": 0}}`,
	} {
		id := []string{"e-1", "e-1", "e-2"}[i]
		o.Apply(oracle.Record{Position: uint64(i + 1), Time: at, Data: []byte(data), Header: map[string][]string{
			"ce-id": {id}, "ce-type": {"perennial.feedback.v1"},
		}})
	}
	fmt.Println("learned", o.Counts().Learned, "duplicates", o.Counts().Duplicates)
	// Output: learned 2 duplicates 1
}

func TestAPredictionIDUsedAgainMakesNoSecondExample(t *testing.T) {
	l := newTape(config())
	l.predict("p")
	l.label("f", "p", 1)
	l.wait(20 * time.Second) // it left the window
	l.put("prediction", "another event", "", `{"prediction_id": "p", "outputs": [0.7], "channel": "stable"}`)
	l.label("g", "p", 0)
	l.wait(time.Second)
	c := l.o.Counts()
	require.EqualValues(t, 1, c.Learned)
	require.EqualValues(t, 1, c.Late)
}

func TestWhatWasTakenBackUnscoredIsScoredWhenItIsSaidAgain(t *testing.T) {
	l := newTape(config())
	l.predict("p")
	l.label("f", "p", 1)
	l.put("feedback", "w", "", `{"operation": {"kind": "withdraw", "event_id": "f"}}`)
	l.label("g", "p", 1)
	l.wait(time.Second)
	c := l.o.Counts()
	require.EqualValues(t, 1, c.Learned)
	require.EqualValues(t, 1, c.Scored)
	require.EqualValues(t, 1, c.Resolved)
}
