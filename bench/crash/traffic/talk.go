package traffic

// talk makes a batch of feedback: about the predictions just served, about earlier
// ones, about nothing served, and things that must be refused. Some events stand in it
// twice, some were sent before.
func (c *client) talk(fresh []row) []message {
	var list []message
	for _, x := range fresh {
		m := newMessage(c.id("f"), c.subject(), c.consent(), c.opinion(x), stored)
		m.plain = true
		list = append(list, m)
	}
	for range 2 + c.rng.IntN(5) {
		list = append(list, c.remark(list)...)
	}
	for range c.rng.IntN(3) {
		list = append(list, c.again(list)...)
	}
	return list
}

// label is the plain truth about a row.
func (c *client) label(x row) data {
	return data{PredictionID: x.id, Signal: &signal{Kind: "label", Value: ptr(float64(x.class))}}
}

// opinion is one of the signals about a served row; most often the truth.
func (c *client) opinion(x row) data {
	s := &signal{}
	switch c.rng.IntN(16) {
	case 0:
		s.Kind, s.Correct = "correctness", ptr(c.rng.IntN(3) > 0)
		s.Confidence = ptr(float64(c.rng.IntN(5)) / 4)
	case 1:
		s.Kind, s.Value = "correction", ptr(float64(x.class))
	case 2:
		s.Kind, s.Value = "rating", ptr(float64(1+c.rng.IntN(5)))
	case 3:
		s.Kind = "click"
	case 4:
		s.Kind = "skip"
	case 5:
		s.Kind, s.Value = "dwell", ptr(c.rng.Float64()*20)
	case 6:
		s.Kind = "conversion"
	case 7:
		s.Kind, s.Correct = "task_completion", ptr(c.rng.IntN(2) == 0)
	case 8:
		if len(c.served) > 0 {
			if over := c.served[c.rng.IntN(len(c.served))].id; over != x.id {
				s.Kind, s.Over = "preference", over
				break
			}
		}
		return c.label(x)
	default:
		return c.label(x)
	}
	return data{PredictionID: x.id, Signal: s}
}

// remark is one thing more to say.
func (c *client) remark(list []message) []message {
	one := func(consent string, d data, f fate) []message {
		return []message{newMessage(c.id("f"), c.subject(), consent, d, f)}
	}
	switch k := c.rng.IntN(20); {
	case k < 5 && len(c.served) > 0: // a further word on an earlier prediction
		list := one(c.consent(), c.opinion(c.served[c.rng.IntN(len(c.served))]), stored)
		list[0].plain = true
		return list
	case k < 8: // an example of its own
		x := c.model.draw(c.rng, "")
		d := data{Features: x.features, Signal: &signal{Kind: "label", Value: ptr(float64(x.class))}}
		list := one(c.consent(), d, stored)
		list[0].plain = true
		return list
	case k < 11: // it was said wrongly, is taken back, or holds no longer
		if m, ok := c.spoken(list); ok {
			return one("", c.operation(m.id), stored)
		}
	case k == 11: // the operation first, and then what it is about
		x := c.model.draw(c.rng, "")
		d := data{Features: x.features, Signal: &signal{Kind: "label", Value: ptr(float64(x.class))}}
		said := newMessage(c.id("f"), c.subject(), "", d, stored)
		return append(one("", c.operation(said.id), stored), said)
	case k == 12 && len(c.served) > 0: // a whole prediction is taken back
		x := c.served[c.rng.IntN(len(c.served))]
		return one("", data{PredictionID: x.id, Operation: &operation{Kind: c.pick("withdraw", "expire")}}, stored)
	case k == 13 && len(c.gone) > 0: // late, often too late
		return one("", data{PredictionID: c.gone[c.rng.IntN(len(c.gone))], Signal: &signal{Kind: "click"}}, stored)
	case k == 14: // about a prediction that nobody made
		return one("", data{PredictionID: c.id("never"), Signal: &signal{Kind: "click"}}, stored)
	case k == 15:
		return one("none", data{PredictionID: c.id("never"), Signal: &signal{Kind: "click"}}, withheld)
	case k == 16:
		return one("", c.invalid(), refused)
	case k == 17 && len(c.gone) > 0: // an old prediction's id under a new event's, and a word on it
		id := c.gone[c.rng.IntN(len(c.gone))]
		x := c.model.draw(c.rng, id)
		p := prediction{PredictionID: id, Features: x.features, Outputs: c.model.guess(), Channel: "stable"}
		return append([]message{newPrediction(c.id("f"), c.subject(), c.consent(), p)}, one("", c.label(x), stored)...)
	}
	return nil
}

// operation amends, withdraws or expires what an event said.
func (c *client) operation(event string) data {
	kind := c.pick("amend", "amend", "withdraw", "expire")
	d := data{Operation: &operation{Kind: kind, EventID: event}}
	if kind == "amend" {
		d.Signal = &signal{Kind: "label", Value: ptr(float64(c.rng.IntN(max(c.model.Classes, 2))))}
	}
	return d
}

// spoken picks an event of this batch, or of an earlier one, to be corrected.
func (c *client) spoken(list []message) (message, bool) {
	from := c.said
	if c.rng.IntN(3) == 0 {
		from = list
	}
	if len(from) == 0 {
		return message{}, false
	}
	m := from[c.rng.IntN(len(from))]
	return m, m.plain
}

// invalid is something that the server must refuse.
func (c *client) invalid() data {
	switch c.rng.IntN(5) {
	case 0:
		return data{PredictionID: "p-1"}
	case 1:
		return data{PredictionID: "p-1", Signal: &signal{Kind: "applause"}}
	case 2:
		return data{PredictionID: "p-1", Signal: &signal{Kind: "label", Value: ptr(99.0)}}
	case 3:
		x := c.model.draw(c.rng, "")
		return data{PredictionID: "p-1", Features: x.features, Signal: &signal{Kind: "click"}} // leakage
	default:
		return data{Features: map[string]any{"colour": "red"}, Signal: &signal{Kind: "label", Value: ptr(1.0)}}
	}
}

// again repeats an event: one of this batch, a late one, or one of long ago; and now
// and then says something else under its id.
func (c *client) again(list []message) []message {
	from := list
	switch k := c.rng.IntN(3); {
	case k == 1 && len(c.said) > 0:
		from = c.said
	case k == 2 && len(c.old) > 0:
		from = c.old
	}
	if len(from) == 0 {
		return nil
	}
	m := from[c.rng.IntN(len(from))]
	c.book.count(func(s *Stats) { s.Duplicates++ })
	if m.fate == stored && c.rng.IntN(8) == 0 && m.about.PredictionID != "" {
		other := m.about
		other.Operation, other.Signal = nil, &signal{Kind: "skip"}
		changed := newMessage(m.id, c.subject(), "", other, stored)
		return []message{changed}
	}
	return []message{m}
}

func (c *client) consent() string {
	return c.pick("", "", "", "", "learn", "learn", "learn", "measure")
}
