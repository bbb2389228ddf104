// Command gen writes the assembly of package lanes:
//
//	go generate ./internal/lanes
package main
