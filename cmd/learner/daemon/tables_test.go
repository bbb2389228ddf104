package daemon_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/perennial-ml/perennial/cmd/learner/daemon"
)

// clicks is a model of hashed features over one table.
const clicks = `
seed: 7
models:
  - name: shop
    task: binary
    features:
      - {name: site, kind: categorical, buckets: 131072}
      - {name: ad, kind: categorical, buckets: 131072}
      - {name: hour, kind: numeric, scale: 24}
    model: {kind: deepfm, table: 131072, embedding: 4, hidden: [8]}
    optimizer: [{clip: {norm: 1}}, {adagrad: {learning_rate: 0.1}}]
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms, keep: 4}
`

// visit is what clicks is taught: one site's visitors click, another's do not.
func visit(i int) (map[string]any, int) {
	site, y := "news.example", 1
	if i%2 == 0 {
		site, y = "mail.example", 0
	}
	return map[string]any{"site": site, "ad": i % 7, "hour": i % 24}, y
}

// click asks for the probability that a site's visitor clicks.
func (r *running) click(site string) float64 {
	r.t.Helper()
	var answer struct {
		Outputs []struct {
			Name string
			Data []any
		}
	}
	input := func(name, datatype string, v any) any {
		return map[string]any{"name": name, "datatype": datatype, "shape": []int{1, 1}, "data": []any{v}}
	}
	require.Equal(r.t, http.StatusOK, r.call(http.MethodPost, "/v2/models/shop/infer", "application/json", map[string]any{
		"inputs": []any{input("site", "BYTES", site), input("ad", "BYTES", "3"), input("hour", "FP64", 12)},
	}, &answer))
	for _, o := range answer.Outputs {
		if o.Name == "probabilities" {
			return o.Data[0].(float64)
		}
	}
	require.Fail(r.t, "no probabilities")
	return 0
}

func TestHashedFeaturesAreLearnedServedAndRecovered(t *testing.T) {
	folder := t.TempDir()
	d := start(t, clicks, folder, daemon.Options{})
	d.durable("shop", d.teach("shop", "a", 200, visit))
	d.settled("shop", 200)
	yes, no := d.click("news.example"), d.click("mail.example")
	require.Greater(t, yes, no+0.2, "two sites of one table")
	d.settled("shop", 200)
	left := crash(t, folder)
	d.stop()

	d = start(t, clicks, left, daemon.Options{})
	d.settled("shop", 200)
	require.Equal(t, yes, d.click("news.example"), "the weights that were served come back")
	d.settled("shop", 200)
	d.stop()
	recovered, whole := hashes(t, clicks, left)
	require.Equal(t, whole, recovered)
}

// tags is a model of what a page is about.
const tags = `
seed: 7
models:
  - name: shop
    task: binary
    features:
      - {name: site, kind: categorical, buckets: 1024}
      - {name: tags, kind: categorical, buckets: 1024, max: 3}
    model: {kind: wide_and_deep, table: 1024, embedding: 4, hidden: [8]}
    optimizer: [{clip: {norm: 1}}, {adagrad: {learning_rate: 0.1}}]
    batch: {size: 4, wait: 5ms}
    publish: {every: 1ms}
    checkpoint: {every: 50ms, keep: 4}
`

// page is what tags is taught: of pages with one to three tags, those about sports are
// clicked on.
func page(i int) (map[string]any, int) {
	list := []any{i % 5, "other"}[:i%3]
	if i%2 == 0 {
		return map[string]any{"site": "a", "tags": append(list, "sports")}, 1
	}
	return map[string]any{"site": "a", "tags": append(list, "politics")}, 0
}

func TestArraysOfCategoriesAreLearnedServedAndRecovered(t *testing.T) {
	folder := t.TempDir()
	d := start(t, tags, folder, daemon.Options{})
	ask := func(list ...any) float64 {
		var answer struct {
			Outputs []struct {
				Name string
				Data []any
			}
		}
		require.Equal(t, http.StatusOK, d.call(http.MethodPost, "/v2/models/shop/infer", "application/json", map[string]any{
			"inputs": []any{
				map[string]any{"name": "site", "datatype": "BYTES", "shape": []int{1}, "data": []any{"a"}},
				map[string]any{"name": "tags", "datatype": "BYTES", "shape": []int{1, len(list)}, "data": list},
			},
			"outputs": []any{map[string]any{"name": "probabilities"}},
		}, &answer))
		return answer.Outputs[0].Data[0].(float64)
	}
	d.durable("shop", d.teach("shop", "a", 200, page))
	d.settled("shop", 200)
	yes, no := ask("other", "sports", nil), ask("politics")
	require.Greater(t, yes, no+0.2)
	require.Equal(t, yes, ask(nil, "other", "sports"), "null stands for no value")
	d.settled("shop", 200)
	left := crash(t, folder)
	d.stop()

	d = start(t, tags, left, daemon.Options{})
	d.settled("shop", 200)
	require.Equal(t, yes, ask("other", "sports", nil))
	d.settled("shop", 200)
	d.stop()
	recovered, whole := hashes(t, tags, left)
	require.Equal(t, whole, recovered)
}
