package store

// A directory finds the group of a key. The first classes, which are most of all keys, are in a
// table.
type directory struct {
	all   map[Key]int
	first [64]int32 // by class: one more than the group, or 0
}

// near returns the place of a key in the table, if it has one there.
func (d *directory) near(key Key) *int32 {
	class := int(key.Class)
	if key.Segment != "" || key.Negative || !(key.Class >= 0 && key.Class < float32(len(d.first))) || float32(class) != key.Class {
		return nil
	}
	return &d.first[class]
}

func (d *directory) find(key Key) (int, bool) {
	if at := d.near(key); at != nil {
		return int(*at) - 1, *at != 0
	}
	at, ok := d.all[key]
	return at, ok
}

func (d *directory) add(key Key, group int) {
	if at := d.near(key); at != nil {
		*at = int32(group) + 1
		return
	}
	d.all[key] = group
}
