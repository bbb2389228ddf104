package embedded

import "syscall"

// memoryRoot returns a folder on a file system in memory with room for staging, or "".
func memoryRoot() string {
	const (
		root  = "/dev/shm"
		tmpfs = 0x01021994 // TMPFS_MAGIC in linux/magic.h
	)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(root, &fs); err != nil || int64(fs.Type) != tmpfs {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < stagingRoom {
		return ""
	}
	return root
}
