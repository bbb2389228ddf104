package embedded

import "syscall"

// freeOf is what a file system has left for an ordinary user, by a folder in it.
func freeOf(dir string) (uint64, bool) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), true
}
