package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/bench/crash/traffic"
)

func TestPlacesFindWhatTheLogLacksAndMustNotHave(t *testing.T) {
	at := time.Unix(100, 0)
	type record struct {
		id       string
		position uint64
		after    time.Duration
	}
	for _, tc := range []struct {
		name     string
		log      []record
		lost     int
		moved    int
		banned   int
		repeated int
		repeats  int
		forgot   int
	}{
		{name: "as acknowledged", log: []record{{"a", 1, 0}, {"b", 2, 0}}},
		{name: "one is lost", log: []record{{"a", 1, 0}}, lost: 1},
		{name: "one lies elsewhere", log: []record{{"a", 5, 0}, {"b", 6, 0}}, moved: 1},
		{name: "one must not be there", log: []record{{"a", 1, 0}, {"b", 2, 0}, {"none", 3, 0}}, banned: 1},
		{
			name: "stored again within the window", log: []record{{"a", 1, 0}, {"b", 2, 0}, {"a", 3, 999 * time.Millisecond}},
			repeated: 1, repeats: 1,
		},
		{
			name: "stored again beyond the window", log: []record{{"a", 1, 0}, {"b", 2, 0}, {"a", 3, time.Second}},
			repeats: 1,
		},
		{
			name: "stored again after a gap", log: []record{{"a", 1, 0}, {"b", 2, 0}, {"a", 4, time.Millisecond}},
			repeats: 1, forgot: 1,
		},
		{
			name: "stored again after a gap before it", log: []record{{"a", 1, 0}, {"b", 3, 0}, {"b", 4, time.Millisecond}},
			repeated: 1, repeats: 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			book := traffic.NewBook("m")
			book.Stored("m", "a", 1)
			book.Stored("m", "b", 0) // acknowledged without a position
			book.Ban("m", "none", "without consent")
			p := newPlaces("m", book, time.Second)
			f := &finding{}
			for _, r := range tc.log {
				p.see(f, r.id, r.position, at.Add(r.after))
			}
			p.finish(f)
			require.Len(t, f.lost, tc.lost)
			require.Len(t, f.moved, tc.moved)
			require.Len(t, f.banned, tc.banned)
			require.Len(t, f.repeated, tc.repeated)
			require.Equal(t, tc.repeats, f.repeats)
			require.Equal(t, tc.forgot, f.forgotten)
		})
	}
}

func TestEveryFindingIsAViolation(t *testing.T) {
	for name, f := range map[string]finding{
		"lost":            {lost: []string{"a"}},
		"moved":           {moved: []string{"a"}},
		"banned":          {banned: []string{"a"}},
		"repeated":        {repeated: []string{"a"}},
		"differing":       {differing: []string{"a"}},
		"unread":          {unread: []string{"a"}},
		"letters":         {letters: []string{"a"}},
		"oracle":          {twice: 1},
		"counts":          {counts: []count{{"late", 1, 2}}},
		"learned twice":   {counts: []count{{nameLearned, 3, 2}}},
		"learned too few": {counts: []count{{nameLearned, 2, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReport(options{})
			r.judge(&f)
			require.Len(t, r.violations, 1)
		})
	}
	r := newReport(options{})
	r.judge(&finding{counts: []count{{nameLearned, 5, 2}}})
	require.Equal(t, 3, r.doubled)
	r.judge(&finding{repeats: 4, counts: []count{{nameLearned, 2, 2}}})
	require.Len(t, r.violations, 1, "what the learner dropped by itself is no violation")
}

func TestFinalStatesMustBeEqual(t *testing.T) {
	for _, tc := range []struct {
		name           string
		running, whole stateHash
		violations     int
	}{
		{"equal", stateHash{9, "h", 5}, stateHash{9, "h", 0}, 0},
		{"another state", stateHash{9, "h", 5}, stateHash{9, "g", 0}, 1},
		{"another position", stateHash{9, "h", 5}, stateHash{10, "h", 0}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReport(options{})
			r.final("m", tc.running, map[string]stateHash{"avx2": tc.running, "portable": tc.whole})
			require.Len(t, r.violations, tc.violations)
		})
	}
}
