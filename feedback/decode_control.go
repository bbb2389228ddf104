package feedback

import "strings"

func (p *payload) control(e Event) (*Record, *Refusal) {
	block := &struct {
		rec     Record
		control Control
	}{}
	out := &block.control
	fields := []string{"action", "version", "digest", "unpinned", "learner", "reason", "actor", "task"}
	const action, version, unpinned, learner, task = 0, 1, 3, 4, 7
	seen, r := p.object("data", fields, func(i int) (r *Refusal) {
		switch i {
		case action:
			out.Action, r = p.action()
		case version:
			out.Version, r = p.position("data.version")
		case 2:
			out.Digest, r = p.digest("data.digest")
		case unpinned:
			out.Unpinned, r = p.boolean("data.unpinned")
		case learner:
			out.Learner, r = p.boolean("data.learner")
		case 5:
			out.Reason, r = p.words("data.reason", 1024)
		case 6:
			out.Actor, r = p.words("data.actor", 256)
		case task:
			out.Task, r = p.words("data.task", 256)
		}
		return r
	})
	if r == nil {
		r = p.end()
	}
	if r != nil {
		return nil, r
	}
	switch {
	case !seen.has(action):
		return nil, missing("data.action")
	case out.Action == Rollback && !seen.has(version):
		return nil, refuse(CodeMissingField, "data.version", "must be present: the version to roll back to")
	case out.Action != Rollback && seen.has(unpinned):
		return nil, refuse(CodeConflict, "data.unpinned", "must be absent unless the action is rollback")
	case out.Action != Rollback && seen.has(learner):
		return nil, refuse(CodeConflict, "data.learner", "must be absent unless the action is rollback")
	case out.Action == Boundary && out.Task == "":
		return nil, refuse(CodeMissingField, "data.task", "must be present: the name of the task that ends")
	case out.Action != Boundary && seen.has(task):
		return nil, refuse(CodeConflict, "data.task", "must be absent unless the action is boundary")
	}
	block.rec.Event = e
	block.rec.Control = out
	return &block.rec, nil
}

func (p *payload) action() (ControlAction, *Refusal) {
	text, r := p.text("data.action")
	if r != nil {
		return "", r
	}
	switch a := ControlAction(text); a {
	case Rollback, Promote, Pin, Unpin, Boundary:
		return a, nil
	}
	return "", refuse(CodeUnknownKind, "data.action", "must be rollback, promote, pin, unpin or boundary")
}

// digest reads "sha256:" and 64 lower-case hexadecimal digits.
func (p *payload) digest(path string) (string, *Refusal) {
	text, r := p.text(path)
	if r != nil {
		return "", r
	}
	hex, ok := strings.CutPrefix(text, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", refuse(CodeOutOfRange, path, "must be sha256: and 64 lower-case hexadecimal digits")
	}
	return text, nil
}

// tick has no payload, or an empty object.
func (p *payload) tick(e Event) (*Record, *Refusal) {
	if p.s.Rest() == 0 {
		return &Record{Event: e}, nil
	}
	if _, r := p.object("data", nil, func(int) *Refusal { return nil }); r != nil {
		return nil, r
	}
	if r := p.end(); r != nil {
		return nil, r
	}
	return &Record{Event: e}, nil
}
