package state_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/perennial-ml/perennial/replay/example"
	"github.com/perennial-ml/perennial/replay/internal/column"
	"github.com/perennial-ml/perennial/replay/internal/state"
)

// A state is read by those who know the form of its kind.
func ExampleRead() {
	plain := state.Form{Name: "plain", Code: 1}
	scored := state.Form{Name: "scored", Code: 2, Scored: true}
	s := state.State{
		Form:   scored,
		Items:  column.Of(1024, []*example.Example{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}}),
		Scores: column.Of(1024, []uint32{7, 9}),
	}
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		fmt.Println(err)
	}
	again, err := state.Read(b.Bytes(), []state.Form{plain, scored})
	fmt.Println(again.Form.Name, again.Len(), again.Scores.List(), err)
	_, err = state.Read(b.Bytes(), []state.Form{plain})
	fmt.Println(errors.Is(err, state.ErrCorrupt), err)
	// Output:
	// scored 2 [7 9] <nil>
	// true replay: corrupt state: kind 2 is unknown
}
