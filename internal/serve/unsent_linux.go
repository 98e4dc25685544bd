package serve

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// mostUnsent bounds what the system keeps of an answer before the client takes it, in bytes. Without it, the system takes
// whole pages for connections that do not read: 500 of them held 850 MB.
const mostUnsent = 128 << 10

// listen listens for clients. Connections inherit the bound.
func listen(address string) (net.Listener, error) {
	bounded := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if control := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, mostUnsent)
		}); control != nil {
			return control
		}
		return err
	}}
	bounded.SetMultipathTCP(false) // its connections do not inherit the bound
	return bounded.Listen(context.Background(), "tcp", address)
}
