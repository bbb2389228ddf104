package cli_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProgramReadsErrorsAsOneJSONDocument(t *testing.T) {
	s := newShell(t)
	for _, tc := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"teach"}, 2, `unknown command "teach"`},
		{[]string{"checkpoint", "lst"}, 2, `"lst"`},
		{[]string{"checkpoint", "export", "stable"}, 2, `"output" not set`},
		{[]string{"checkpoint", "list", "--colour"}, 2, "unknown flag: --colour"},
		{[]string{"state", "hash", "--model", "other"}, 2, `no model "other"`},
		{[]string{"schema", "none"}, 1, `schema "none"`},
	} {
		status, out, errs := s.run(append(tc.args, "--json")...)
		require.Equal(t, tc.status, status, "%v: %s", tc.args, errs)
		var answer map[string]string
		require.NoError(t, json.Unmarshal([]byte(out), &answer), "%v: %q", tc.args, out)
		require.Len(t, answer, 1)
		require.Contains(t, answer["error"], tc.want)
		require.Contains(t, errs, tc.want, "a person reads nothing on standard error")

		status, out, _ = s.run(tc.args...)
		require.Equal(t, tc.status, status)
		require.Empty(t, out, "standard output without --json is for answers")
	}
}

func TestAnUnknownCommandOfAGroupIsAWrongCall(t *testing.T) {
	s := newShell(t)
	for _, args := range [][]string{
		{"checkpoint", "lst"}, {"checkpoint", "lst", "--model", "shop"}, {"ledger", "lst"}, {"state", "lst"}, {"config", "lst"},
	} {
		status, _, errs := s.run(args...)
		require.Equal(t, 2, status, "%v", args)
		require.Contains(t, errs, `"lst"`)
	}
	status, out, _ := s.run("checkpoint")
	require.Zero(t, status)
	require.Contains(t, out, "Available Commands")
}

func TestASchemaIsPrintedByTheNameThatTheListGivesIt(t *testing.T) {
	s := newShell(t)
	_, plain, _ := s.run("schema", "signal.click")
	status, listed, errs := s.run("schema", "signal.click.json")
	require.Zero(t, status, errs)
	require.NotEmpty(t, plain)
	require.Equal(t, plain, listed)
}
