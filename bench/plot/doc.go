// Package plot draws what the suites measured as SVG: lines, points, bars and heat maps.
//
//	figures ──▶ Chart or Heatmap ──▶ one self-contained SVG
//
// # Invariants
//
//   - Equal input gives equal bytes: no clock, no random ids, no order of a map.
//   - Values that are no numbers are left out; a plot without any value is still an SVG.
//   - Text is escaped; an SVG refers to nothing outside itself.
//
// # Concurrency
//
// Charts are values; drawing one changes nothing but the writer.
package plot
