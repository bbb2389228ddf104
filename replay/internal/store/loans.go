package store

// loans say of the rows that a store packed itself which are its own alone, so that it may
// write over one when its slot is taken anew. A row is shared for good with whoever was shown
// all of them, as a state is, and with whoever drew it until what was drawn is returned.
type loans struct {
	rows   []loan // by slot
	showed uint32 // one more than how often all rows were shown
	round  uint32 // what was drawn in this one is not returned
}

// loan is a row's part in it.
type loan struct {
	made  uint32 // showed, when the store packed it; 0 if it came from elsewhere
	drawn uint32 // the last round in which it was
}

func newLoans() loans { return loans{showed: 1, round: 1} }

// push takes in a slot at the end, with a row that the store made, or did not.
func (l *loans) push(made bool) {
	l.rows = append(l.rows, loan{})
	l.put(len(l.rows)-1, made)
}

func (l *loans) put(slot int, made bool) {
	l.rows[slot] = loan{}
	if made {
		l.rows[slot].made = l.showed
	}
}

// remove empties a slot, into which the last one moves.
func (l *loans) remove(slot int) {
	last := len(l.rows) - 1
	l.rows[slot] = l.rows[last]
	l.rows = l.rows[:last]
}

func (l *loans) draw(slot int) { l.rows[slot].drawn = l.round }

// end ends the round. After 2³² of them a row may pass for drawn that is not.
func (l *loans) end() { l.round++ }

// show shares all rows for good.
func (l *loans) show() {
	if l.showed++; l.showed == 0 {
		clear(l.rows)
		l.showed = 1
	}
}

// free reports whether nobody else can know the row in a slot.
func (l *loans) free(slot int) bool {
	return l.rows[slot].made == l.showed && l.rows[slot].drawn != l.round
}
