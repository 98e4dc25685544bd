package server

import "net"

// listener wraps each connection that another listener accepts.
type listener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.wrap(c), nil
}

// SecureListener wraps a listener below TLS: its connections write the records of an answer together. The http.Server that
// serves them needs ConnContext; without it, they are ordinary connections.
func SecureListener(l net.Listener) net.Listener {
	return listener{l, func(c net.Conn) net.Conn { return &conn{Conn: c, pool: recordBuffers} }}
}
