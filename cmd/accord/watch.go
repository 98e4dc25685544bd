package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/accord-taxii/accord/internal/admin"
	"github.com/accord-taxii/accord/internal/agreement"
	"github.com/accord-taxii/accord/internal/live"
)

func newWatchCommand(e *env) *cobra.Command {
	w := watcher{env: e, silence: longestSilence}
	var after string
	var ndjson bool
	cmd := &cobra.Command{
		Use:   "watch --agreement NAME",
		Short: "Follow what happens under an agreement",
		Long: `Prints what is added, deleted, withdrawn or changed under an agreement, as it
happens, to an account that may read it. A connection that breaks is made again
and goes on where it was. --after N goes on after a position; 0 begins with
what is there. Without it, the watch begins now.

With --ndjson each event is one line of JSON with id, event and data. --exec
runs a command with sh for each event, with that line as its input; when the
command fails, the watch ends and says where to go on.

The watch ends with 0 when the agreement does: when it is terminated or its
term is over. While it is suspended, the watch waits. An event may come twice
after a broken connection; none is left out.

` + targetHelp,
		Example: `  accord watch --agreement gsp --url https://taxii.example --user agency-siem --after 0
  accord watch --agreement gsp --url https://taxii.example --token-file token --ndjson`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := agreement.CheckName(w.agreement); err != nil {
				return usageError("--agreement: %w", err)
			}
			if cmd.Flags().Changed("after") {
				n, err := strconv.ParseUint(after, 10, 63)
				if err != nil {
					return usageError("--after is %q, expected a position: a whole number from 0 on", after)
				}
				w.after = &n
			}
			w.print = w.printText
			if ndjson {
				w.print = w.printLine
			}
			client, err := w.target.connect(e)
			if err != nil {
				return err
			}
			defer client.Close()
			return hintLogin(w.run(cmd.Context(), client))
		},
	}
	w.target.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&w.agreement, "agreement", "", "the agreement's `NAME`")
	cmd.Flags().StringVar(&after, "after", "", "go on after the position `N`; 0 begins with what is there")
	cmd.Flags().BoolVar(&ndjson, "ndjson", false, "print a line of JSON for each event")
	cmd.Flags().StringVar(&w.exec, "exec", "", "run `CMD` for each event")
	cmd.MarkFlagRequired("agreement")
	return cmd
}

// watcher follows an agreement.
type watcher struct {
	env       *env
	target    target
	agreement string
	exec      string
	print     func(watched) error
	silence   time.Duration // after which a connection counts as broken

	after   *uint64 // the last position; nil: none yet
	heard   bool    // an event came over the current connection
	watched bool    // an event has come
}

// watched is an event, as --ndjson prints it. An event without a position of its own has that of the event before.
type watched struct {
	ID    uint64          `json:"id"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Between two attempts to connect.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// longestSilence is three heartbeats.
const longestSilence = 45 * time.Second

// longestLine bounds a line of a stream: the data of an event without content are some hundred bytes.
const longestLine = 1 << 20

// run connects, again and again, until the agreement ends or the account may not go on.
func (w *watcher) run(ctx context.Context, client *admin.Client) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		w.heard = false
		err := w.connect(ctx, client)
		var end *live.End
		var answer *admin.AnswerError
		var local *localError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &local):
			return local.err
		case errors.As(err, &end):
			switch end.Cause {
			case live.Ended:
				fmt.Fprintln(w.env.stderr, end.Reason)
				return nil
			case live.Rights, live.Account:
				return end
			}
		case errors.As(err, &answer):
			switch {
			case w.watched && (answer.State == agreement.Terminated || answer.State == agreement.Expired):
				fmt.Fprintln(w.env.stderr, answer.Message)
				return nil
			case answer.State == agreement.Suspended || answer.State == agreement.Scheduled:
			case answer.Status != http.StatusTooManyRequests && answer.Status < http.StatusInternalServerError:
				return err
			}
		case errors.Is(err, admin.ErrNotFound):
			return err
		case !w.watched: // it never worked: the address may be wrong
			return err
		}
		if w.heard {
			pause = firstPause
		}
		fmt.Fprintf(w.env.stderr, "connecting again: %v\n", err)
		wait := time.NewTimer(pause/2 + rand.N(pause/2)) // not all readers at once
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
	}
}

// connect follows one stream to its end. A stream that is silent for long has lost its server: heartbeats are missing.
func (w *watcher) connect(ctx context.Context, client *admin.Client) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(w.silence, func() { cancel(errSilent) })
	defer silent.Stop()
	err := client.Events(ctx, agreement.Name(w.agreement), w.after, func(body io.Reader) error {
		return w.read(ctx, body, silent)
	})
	if context.Cause(ctx) == errSilent {
		return errSilent
	}
	return err
}

// localError is a failure on this side: connecting again would not help.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

// errBroken is the end of a stream that has not ended properly.
var errBroken = errors.New("the connection was broken")

// errSilent is the end of a stream without heartbeats.
var errSilent = errors.New("the server sends nothing any more")

// read reads one stream. It returns the *live.End with which it ends. silent runs only while it waits for the server.
func (w *watcher) read(ctx context.Context, body io.Reader, silent *time.Timer) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, longestLine)
	var e watched
	for {
		silent.Reset(w.silence)
		more := lines.Scan()
		silent.Stop()
		if !more {
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				return &localError{fmt.Errorf("a line of the stream has more than %d bytes: is this the URL of an Accord server?", longestLine)}
			}
			return errBroken
		}
		name, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			e.ID, _ = strconv.ParseUint(string(value), 10, 64)
		case "event":
			e.Event = string(value)
		case "data":
			e.Data = bytes.Clone(value)
		case "":
			if len(lines.Bytes()) > 0 || e.Event == "" {
				continue // a comment, or no event
			}
			if err := w.take(ctx, e); err != nil {
				return err
			}
			e = watched{}
		}
	}
}

// take handles one event. The position counts once that is done.
func (w *watcher) take(ctx context.Context, e watched) error {
	w.heard, w.watched = true, true
	position := e.ID
	if e.ID == 0 && w.after != nil {
		e.ID = *w.after
	}
	if e.Event != live.EventHeartbeat {
		if err := w.handle(ctx, e); err != nil {
			return &localError{err}
		}
	}
	if position > 0 || w.after == nil {
		w.after = &position
	}
	if e.Event != live.EventEnd {
		return nil
	}
	end := new(live.End)
	if err := json.Unmarshal(e.Data, end); err != nil {
		return &localError{fmt.Errorf("read the last event: %w", err)}
	}
	return end
}

func (w *watcher) handle(ctx context.Context, e watched) error {
	if err := w.print(e); err != nil {
		return err
	}
	if w.exec == "" || e.Event == live.EventEnd {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", w.exec)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(append(line, '\n')), w.env.stdout, w.env.stderr
	cmd.Env = append(os.Environ(), "ACCORD_EVENT="+e.Event, "ACCORD_ID="+strconv.FormatUint(e.ID, 10))
	if err := cmd.Run(); err != nil {
		err = fmt.Errorf("the command of --exec failed at the position %d: %w", e.ID, err)
		if w.after != nil {
			return withHint(err, "--after %d goes on with this event", *w.after)
		}
		return err
	}
	return nil
}

func (w *watcher) printLine(e watched) error { return writeJSONLine(w.env.stdout, e) }

// printText prints an event for people: position, what happened, and to what.
func (w *watcher) printText(e watched) error {
	var c struct {
		live.Change
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(e.Data, &c); err != nil {
		return fmt.Errorf("read the event %d: %w", e.ID, err)
	}
	parts := []string{fmt.Sprintf("%8d  %-9s", e.ID, e.Event)}
	for _, part := range []string{c.Object, c.Version, c.TLP, c.Act, c.State, c.Reason} {
		if part != "" {
			parts = append(parts, oneLine(part))
		}
	}
	_, err := fmt.Fprintln(w.env.stdout, strings.Join(parts, "  "))
	return err
}
