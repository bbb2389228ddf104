package layering

// A room is a folder of the root that holds packages.
type room struct {
	name string
	// imports lists the rooms whose packages it may import, beside its own.
	imports []string
	// all allows every room but those that are another's alone.
	all bool
	// only names the one other room that may import it, whatever others may otherwise.
	only string
}

const internalRoom = "internal"

// rooms is the table of docs/design.md. internal is open to every room but feedback,
// which others import to produce events and which therefore brings nothing along.
func rooms() []room {
	return []room{
		{name: "feedback"},
		{name: "ledger", imports: []string{"feedback", internalRoom}},
		{name: "replay", imports: []string{internalRoom}},
		{name: "compute", imports: []string{internalRoom}},
		{name: "models", imports: []string{"compute", internalRoom}},
		{name: "optim", imports: []string{"compute", "models", internalRoom}},
		{name: "checkpoint", imports: []string{"models", internalRoom}},
		{name: "engine", imports: []string{"feedback", "replay", "models", "optim", "guard", internalRoom}},
		{name: "guard", imports: []string{internalRoom}},
		{name: "serve", imports: []string{"feedback", "ledger", "models", "checkpoint", internalRoom}},
		{name: "bench", all: true, only: "cmd"},
		{name: "cmd", all: true},
		{name: internalRoom},
	}
}

// folders lists what else the root may hold: no packages of this module.
func folders() []string { return []string{"docs", "tools"} }
