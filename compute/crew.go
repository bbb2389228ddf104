package compute

import (
	"github.com/perennial-ml/perennial/compute/internal/bind"
	"github.com/perennial-ml/perennial/compute/internal/kernel"
	"github.com/perennial-ml/perennial/compute/internal/team"
)

// A Team is threads that Plans share work out among. Plans that run in turn, in one
// goroutine, may share one; at the same time they may not.
type Team = team.Team

// NewTeam returns a Team of n members, of which one is the goroutine that runs a Plan. The
// others start when there is work, and end when there has been none for a while.
func NewTeam(n int) *Team { return team.New(n) }

// A crew is a Team with what each member needs for a task.
type crew struct {
	team  *Team
	works [][]float32 // a workspace each
	rooms [][]float32 // what the task that asks for most needs, each
	task  *bind.Task  // in progress
	rows  int
	part  func(member, part int) // does a part of it
}

func (c *crew) init(t *Team) {
	c.team = t
	c.works = make([][]float32, t.Size())
	for i := range c.works {
		c.works[i] = make([]float32, kernel.Workspace)
	}
	c.part = func(member, part int) {
		c.task.Do(bind.Run{
			Rows: c.rows, Part: part, Parts: c.Size(), Member: member, Work: c.works[member], Room: c.rooms[member],
		})
	}
}

// furnish makes a room of size elements for each member.
func (c *crew) furnish(size int) {
	c.rooms = make([][]float32, c.Size())
	for i := range c.rooms {
		c.rooms[i] = aligned(size)
	}
}

// Do implements bind.Crew.
func (c *crew) Do(task *bind.Task, rows int) {
	if !c.shares(task, rows) {
		task.Do(c.alone(rows))
		return
	}
	c.task, c.rows = task, rows
	c.team.Do(c.part)
}

// shares says whether members share a task now.
func (c *crew) shares(task *bind.Task, rows int) bool {
	return task.Split && c.team.Worth(task.Cost.Of(rows))
}

// mayShare says whether they ever do, for so many rows or fewer.
func (c *crew) mayShare(task *bind.Task, rows int) bool {
	return c.Size() > 1 && task.Split && task.Cost.Of(rows) >= c.team.Least()
}

// alone is a run by the first member.
func (c *crew) alone(rows int) bind.Run {
	return bind.Run{Rows: rows, Parts: 1, Work: c.works[0], Room: c.rooms[0]}
}

// Size implements bind.Crew.
func (c *crew) Size() int { return c.team.Size() }

// Work implements bind.Crew.
func (c *crew) Work(member int) []float32 { return c.works[member] }
