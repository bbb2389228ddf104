package store_test

import (
	"fmt"

	"github.com/perennial-ml/perennial/replay/internal/store"
)

// A ring holds the latest.
func ExampleRing() {
	ring := store.NewRing(store.New(store.Limits{Capacity: 2}, 1024, false))
	for _, id := range []string{"a", "b", "c"} {
		ring.Add(&store.Example{ID: id}, func(left *store.Example, _ store.Terms) bool {
			fmt.Println(left.ID, "leaves for", id)
			return false
		})
	}
	_, held := ring.Find("b")
	fmt.Println("b is held:", held)
	// Output:
	// a leaves for c
	// b is held: true
}

// Groups know the members of each class, so that one of the largest can give way.
func ExampleGroups() {
	limits := store.Limits{Capacity: 4, MaxGroups: 10}
	groups := store.NewGroups(store.New(limits, 1024, false), store.ClassOf)
	for i, class := range []float32{0, 0, 0, 1} {
		ex := &store.Example{ID: fmt.Sprint("p", i), Target: class}
		groups.Insert(ex, groups.Arrive(ex))
	}
	ex := &store.Example{ID: "new", Target: 1}
	at := groups.Arrive(ex)
	largest, gives := groups.Giver(groups.List[at].Members.N)
	fmt.Println("room:", groups.Room(ex), "gives:", gives)
	groups.Overwrite(groups.List[largest].Members.At(0), ex, at)
	fmt.Println(groups.List[0].Members.N, "and", groups.List[1].Members.N)
	// Output:
	// room: false gives: true
	// 2 and 2
}
