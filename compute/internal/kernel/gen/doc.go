// Command gen writes the assembly of package kernel, one family at a time:
//
//	go generate ./compute/internal/kernel
//
// Both families come from the same code: what differs between 32 and 64 byte registers
// is in width.go.
package main
