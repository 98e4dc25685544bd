package serve

import (
	"log"

	"github.com/rs/zerolog"
)

// standardLog returns a standard library log that writes to l.
func standardLog(l zerolog.Logger) *log.Logger { return log.New(lineWriter{l}, "", 0) }

// lineWriter writes the lines of a standard library log to zerolog.
type lineWriter struct{ log zerolog.Logger }

func (w lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for n > 0 && p[n-1] == '\n' {
		n--
	}
	w.log.Debug().Msg(string(p[:n]))
	return len(p), nil
}
