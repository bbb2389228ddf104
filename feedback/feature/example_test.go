package feature_test

import (
	"encoding/json"
	"fmt"

	"github.com/perennial-ml/perennial/feedback/feature"
)

func ExampleDictionary_Encode() {
	d, err := feature.New(feature.Config{Features: []feature.Feature{
		{Name: "age", Kind: feature.Numeric, Meaning: "years", Mean: 40, Scale: 10, PersonalData: feature.Personal},
		{Name: "city", Kind: feature.Categorical, Buckets: 1000, Missing: feature.Default},
		{Name: "emb", Kind: feature.Vector, Dim: 2},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	row, err := d.Encode(json.RawMessage(`{"age": 55, "city": "Graz", "emb": [0.25, -1]}`))
	fmt.Println(row.Dense, row.Categories, err)
	_, err = d.Encode(json.RawMessage(`{"age": 1e999, "emb": [0.25, -1]}`))
	fmt.Println(err)
	// Output:
	// [1.5 0.25 -1] [535] <nil>
	// feature_invalid: features.age must be finite, also once standardised and held as a float32
}
