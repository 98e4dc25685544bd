package serve

import (
	"net"
	"testing"
	"time"
)

// A client that does not read keeps little in the system's buffers: they are in no budget.
func TestTheSystemKeepsLittleOfWhatIsNotRead(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.(*net.TCPConn).SetReadBuffer(4 << 10)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	taken, err := conn.Write(make([]byte, 64<<20))
	if err == nil || taken > 8*mostUnsent {
		t.Errorf("the system took %d bytes (%v), want about %d", taken, err, mostUnsent)
	}
}
