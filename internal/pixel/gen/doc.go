// Command gen writes the assembly of package pixel:
//
//	go generate ./internal/pixel
package main
