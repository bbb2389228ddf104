package jsonscan_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/feedback/internal/jsonscan"
)

func ExampleScanner() {
	s := jsonscan.New([]byte(`{"n": 2.5, "rest": [1, {"deep": null}]}`), 4)
	if err := s.Open(); err != nil {
		fmt.Println(err)
		return
	}
	for first := true; ; first = false {
		key, more, err := s.Key(nil, first)
		if err != nil || !more {
			fmt.Println(err, s.End())
			return
		}
		raw, err := s.Skip()
		fmt.Printf("%s = %s, %v\n", key, raw, err)
	}
	// Output:
	// n = 2.5, <nil>
	// rest = [1, {"deep": null}], <nil>
	// <nil> <nil>
}
