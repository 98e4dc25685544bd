//go:build !linux

package serve

import "net"

// listen listens for clients. What the system keeps of an answer is bounded on Linux alone.
func listen(address string) (net.Listener, error) { return net.Listen("tcp", address) }
