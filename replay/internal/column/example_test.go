package column_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/replay/internal/column"
)

// What was frozen stays, while the column goes on.
func Example() {
	c := column.New[string](2)
	for _, v := range []string{"a", "b", "c"} {
		c.Push(v)
	}
	state := c.Freeze()
	c.Set(0, "z")
	c.Pop()
	fmt.Println(c.List(), state.List())
	fmt.Println(state.Pages())
	// Output:
	// [z b] [a b c]
	// [[a b] [c]]
}
