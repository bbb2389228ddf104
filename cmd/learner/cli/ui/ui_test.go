package ui

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersReadAtAGlance(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{Bytes(0), "0 B"}, {Bytes(1023), "1023 B"}, {Bytes(1024), "1.00 KiB"}, {Bytes(1536), "1.50 KiB"},
		{Bytes(26_500_000), "25.3 MiB"}, {Bytes(1<<20 - 1), "1.00 MiB"}, {Bytes(math.MaxInt64), "8.00 EiB"},
		{Bytes(-2048), "-2.00 KiB"},
		{Count(0), "0"}, {Count(999), "999"}, {Count(45312), "45,312"}, {Count(-1234567), "-1,234,567"},
		{Rate(31_234, time.Second), "31.2k/s"}, {Rate(950, time.Second), "950/s"}, {Rate(1, 0), "-"},
		{Duration(0), "0s"}, {Duration(12), "12ns"}, {Duration(870 * time.Microsecond), "870µs"},
		{Duration(12_340 * time.Microsecond), "12.3ms"}, {Duration(4500 * time.Millisecond), "4.50s"},
		{Duration(999_999 * time.Nanosecond), "1.00ms"}, {Duration(59_990 * time.Millisecond), "1m"},
		{Duration(200 * time.Second), "3m20s"}, {Duration(10 * time.Minute), "10m"},
		{Duration(330 * time.Minute), "5h30m"}, {Duration(10 * time.Hour), "10h"}, {Duration(time.Hour), "1h"},
		{Duration(292 * time.Hour), "12d4h"}, {Duration(-72 * time.Hour), "-3d"}, {Duration(-76 * time.Hour), "-3d4h"},
	} {
		require.Equal(t, tc.want, tc.got)
	}
}

func TestTableAlignsNumbersRightAndHidesControlCharacters(t *testing.T) {
	table := NewTable("version", "loss", "channel")
	table.Row("90", "0.412", "stable")
	table.Row("12345", "-", "evil\x1b[2J")
	table.Row("7")
	var b bytes.Buffer
	n, err := table.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	require.Equal(t, strings.Join([]string{
		"version   loss  channel",
		"     90  0.412  stable",
		"  12345      -  evil\ufffd[2J",
		"      7",
		"",
	}, "\n"), b.String())
}

func TestAnswerGoesToThePersonOrTheProgramNeverBoth(t *testing.T) {
	human := func(w io.Writer) error { _, err := io.WriteString(w, "three\n"); return err }
	var b bytes.Buffer
	require.NoError(t, Output{Out: &b}.Answer(3, human))
	require.Equal(t, "three\n", b.String())
	b.Reset()
	require.NoError(t, Output{Out: &b, JSON: true}.Answer(map[string]string{"a": "<b>"}, human))
	require.Equal(t, "{\n  \"a\": \"<b>\"\n}\n", b.String())
	b.Reset()
	require.NoError(t, Output{Out: &b, JSON: true}.Line(map[string]int{"a": 1}, human))
	require.Equal(t, "{\"a\":1}\n", b.String())
	require.Error(t, Output{Out: &b, JSON: true}.Answer(math.NaN(), human), "JSON has no NaN")
}

func TestProgressIsSilentOffTerminalsAndForAnythingShort(t *testing.T) {
	for _, tc := range []struct {
		name     string
		terminal bool
		takes    time.Duration
		silent   bool
	}{
		{"long on a terminal", true, 2 * time.Second, false},
		{"short on a terminal", true, 900 * time.Millisecond, true},
		{"long into a file", false, time.Hour, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			now := time.Unix(0, 0)
			p := newProgress(&b, "scan", 10, tc.terminal, func() time.Time { return now })
			p.Add(1)
			require.Empty(t, b.String())
			now = now.Add(tc.takes)
			p.Set(5)
			require.Equal(t, tc.silent, b.Len() == 0)
			if !tc.silent {
				require.Contains(t, b.String(), "5/10")
			}
			p.Close()
			drawn := b.Len()
			p.Add(1)
			p.Close()
			require.Equal(t, drawn, b.Len(), "nothing is drawn after Close")
		})
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "out")
	require.NoError(t, err)
	defer f.Close()
	require.False(t, IsTerminal(f))
	require.False(t, IsTerminal(&bytes.Buffer{}))
	require.Equal(t, 80, Width(f))
}

func TestSparklineKeepsShapeWhenItShrinks(t *testing.T) {
	require.Equal(t, "▁▅█", Sparkline([]float64{0, 1, 2}, 10, false)[:len("▁▅█")])
	require.Equal(t, "_+@", Sparkline([]float64{0, 0, 4, 4, 8, 8}, 3, true))
	require.Equal(t, "_ @", Sparkline([]float64{1, math.NaN(), 2}, 3, true))
	require.Equal(t, "▅▅", Sparkline([]float64{7, 7}, 3, false))
	require.Empty(t, Sparkline(nil, 3, false))
}

func TestPlotSurvivesValuesThatCannotBeDrawn(t *testing.T) {
	for _, values := range [][]float64{nil, {math.NaN()}, {math.Inf(1), 1}, {3}, {0, 0, 0}} {
		var b bytes.Buffer
		require.NoError(t, Plot{Width: 5, Height: 3}.Draw(&b, Series{"a", values}))
		require.Equal(t, 5, strings.Count(b.String(), "\n"))
	}
}

func ExamplePlot() {
	learning, frozen := make([]float64, 40), make([]float64, 40)
	for i := range learning {
		learning[i] = 0.8 - 0.3/float64(1+i)
		frozen[i] = 0.75 - 0.005*float64(i)
	}
	plot := Plot{Width: 40, Height: 6, ASCII: true}
	_ = plot.Draw(os.Stdout, Series{"learning", learning}, Series{"frozen", frozen})
	fmt.Println(Sparkline(learning, 20, true))
	// Output:
	//    0.793 |        ********************************
	//          |ooo*****oo
	//          | **       ooooooooooo
	//    0.617 |                     oooooooooooo
	//          |                                 ooooooo
	//      0.5 |*
	//          +----------------------------------------
	//          * learning (last 0.793)
	//          o frozen (last 0.555)
	// _+*###@@@@@@@@@@@@@@
}
