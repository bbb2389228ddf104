//go:build !linux

package models

func preferHugePages([]float32) {}
