package layering

// A room is a folder of the root that holds packages.
type room struct {
	name string
	// imports lists the rooms whose packages it may import, beside its own.
	imports []string
	// all allows every room but those that are imported by none.
	all bool
	// private forbids everyone else to import it, whatever they may otherwise.
	private bool
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
		{name: "bench", all: true, private: true},
		{name: "cmd", all: true},
		{name: internalRoom},
	}
}

// folders lists what else the root may hold: no packages of this module.
func folders() []string { return []string{"docs", "tools"} }
