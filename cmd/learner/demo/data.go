package demo

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
)

//go:embed data/elec2.csv.gz
var elec2 []byte

// Times of the stream, in half-hours.
const (
	day  = 48
	week = 7 * day
	// step is how many half-hours are predicted in one request. Outcomes are
	// sent before it, so that the newest one known is day to day+step-1
	// half-hours old.
	step = 12
)

// A halfHour is one row of the stream.
type halfHour struct {
	weekday                                      float64 // 1 to 7
	period                                       float64 // of the day, 0 to 1
	price, demand, vicPrice, vicDemand, transfer float64 // each scaled to [0, 1]
	up                                           bool    // price above its average of the last 24 hours
}

// load unpacks the stream.
func load() ([]halfHour, error) {
	z, err := gzip.NewReader(bytes.NewReader(elec2))
	if err != nil {
		return nil, fmt.Errorf("unpack elec2: %w", err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read elec2: %w", err)
	}
	list := make([]halfHour, 0, len(rows)-1)
	for i, row := range rows[1:] {
		var v [9]float64
		for j := range v {
			if v[j], err = strconv.ParseFloat(row[j], 64); err != nil {
				return nil, fmt.Errorf("read elec2: line %d: %w", i+2, err)
			}
		}
		list = append(list, halfHour{
			weekday: v[1], period: v[2], price: v[3], demand: v[4],
			vicPrice: v[5], vicDemand: v[6], transfer: v[7], up: v[8] == 1,
		})
	}
	return list, nil
}

// features are the names of the columns, in the configuration's order.
var features = []string{
	"price", "demand", "vic_price", "vic_demand", "transfer",
	"day_sin", "day_cos", "half_day_sin", "half_day_cos", "week_sin", "week_cos",
	"last_known", "last_day_share", "known_60", "known_96", "known_week",
	"price_1d", "demand_1d", "vic_price_1d", "vic_demand_1d", "transfer_1d",
	"price_1h", "demand_1h", "vic_price_1h", "vic_demand_1h", "transfer_1h",
}

// encode writes the features of half-hour t, as an application would that keeps what it
// saw: the market now, and its change since a half-hour and a day ago; the clock; and
// outcomes that were known when the step that t belongs to began.
func encode(dst []float64, stream []halfHour, t int) []float64 {
	h := stream[t]
	turn, weekly := 2*math.Pi*h.period, 2*math.Pi*h.weekday/7
	dst = append(dst, h.price, h.demand, h.vicPrice, h.vicDemand, h.transfer,
		math.Sin(turn), math.Cos(turn), math.Sin(2*turn), math.Cos(2*turn), math.Sin(weekly), math.Cos(weekly))

	known := t/step*step - day - 1 // the newest outcome that the learner was told
	share := 0.0
	for k := known; k > known-day; k-- {
		share += sign(stream, k) / day
	}
	dst = append(dst, sign(stream, known), 2*share, sign(stream, t-day-step), sign(stream, t-2*day), sign(stream, t-week))
	dst = change(dst, stream, t, day)
	return change(dst, stream, t, 1)
}

// sign is the outcome of a half-hour as 1 or -1, and 0 before the stream began.
func sign(stream []halfHour, t int) float64 {
	switch {
	case t < 0:
		return 0
	case stream[t].up:
		return 1
	}
	return -1
}

// change writes how the market differs from what it was some half-hours ago.
func change(dst []float64, stream []halfHour, t, ago int) []float64 {
	if t < ago {
		return append(dst, 0, 0, 0, 0, 0)
	}
	a, b := stream[t], stream[t-ago]
	return append(dst, a.price-b.price, a.demand-b.demand, a.vicPrice-b.vicPrice, a.vicDemand-b.vicDemand, a.transfer-b.transfer)
}
