package admin

import (
	"net"
	"syscall"
)

// peerOf returns the user whose process has the other end of a unix socket, as the kernel knows it (SO_PEERCRED).
func peerOf(c net.Conn) (uid uint32, known bool) {
	s, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, false
	}
	var credentials *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		credentials, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return 0, false
	}
	return credentials.Uid, true
}
