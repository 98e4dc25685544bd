package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// The forms of the log.
const (
	logJSON    = "json"
	logConsole = "console"
)

// logLevels are those of --log-level, of the lines that are logged at least.
var logLevels = []string{"debug", "info", "warn", "error"}

// newLogger makes the log of a server. An empty format is console on a terminal and json elsewhere. flush writes any
// buffered lines.
func newLogger(w io.Writer, format, level string) (log zerolog.Logger, flush func() error, err error) {
	least, err := zerolog.ParseLevel(level)
	if err != nil || !slices.Contains(logLevels, level) {
		return zerolog.Nop(), nil, withHint(usageError("--log-level %q is not known", level), "%s", strings.Join(logLevels, ", "))
	}
	if format == "" {
		format = logJSON
		if _, ok := terminal(w); ok {
			format = logConsole
		}
	}
	switch format {
	case logJSON:
		b := newBatchedLog(w)
		w, flush = b, b.Flush
	case logConsole:
		f, colours := terminal(w)
		if colours = colours && os.Getenv("NO_COLOR") == ""; colours {
			w = f // its values are quoted, its message is not
		}
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !colours,
			FormatMessage: func(message any) string { return oneLine(fmt.Sprint(message)) }}
		flush = func() error { return nil }
	default:
		return zerolog.Nop(), nil, withHint(usageError("--log-format %q is not known", format), "json or console")
	}
	return zerolog.New(w).Level(least).With().Timestamp().Logger(), flush, nil
}
