package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium returns the browser that screens are tried in. Without one the test is skipped, and says so. With all other
// packages' tests on the same processors, a browser is too slow to judge by: these tests have a run of their own.
func chromium(t testing.TB) string {
	t.Helper()
	if os.Getenv("ACCORD_BROWSER") == "" {
		t.Skip("SKIPPED: no screen is tried in a browser here; make browser does that")
	}
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: there is no Chromium here, so no screen is tried in a browser (apt-get install chromium, or set CHROMIUM)")
	return ""
}

// window is a window of a real browser. What the page and the policy complain about is collected.
type window struct {
	t   testing.TB
	ctx context.Context
	url string

	mu         sync.Mutex
	complaints []string // guarded by mu
}

// startChromium starts a browser that ends with the test; open opens windows of it.
func startChromium(t testing.TB) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(chromium(t)), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", chromium(t), err)
	}
	return ctx
}

// violations collects what the policy refuses. It runs in every page before the page's own scripts.
const violations = `window.refused = []; document.addEventListener("securitypolicyviolation", (e) => window.refused.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));`

// open opens a window without cookies.
func open(t testing.TB, started context.Context, url string) *window {
	t.Helper()
	ctx, cancel := chromedp.NewContext(started, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	w := &window{t: t, ctx: ctx, url: url}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			w.complain("exception: %s %s", e.ExceptionDetails.Text, args([]*runtime.RemoteObject{e.ExceptionDetails.Exception}))
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" {
				w.complain("console: %s", args(e.Args))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == "error" && !strings.Contains(e.Entry.Text, "the server responded with a status of") {
				w.complain("log: %s", e.Entry.Text)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: violations})
		return err
	}))
	w.size(1440, 900)
	return w
}

func args(list []*runtime.RemoteObject) string {
	var parts []string
	for _, a := range list {
		if a == nil {
			continue
		}
		parts = append(parts, string(a.Value)+a.Description)
	}
	return strings.Join(parts, " ")
}

func (w *window) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complaints = append(w.complaints, fmt.Sprintf(format, args...))
}

func (w *window) run(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, actionTime)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.t.Fatal(err)
	}
}

// actionTime bounds one step in the browser: a machine that is busy with other tests is slow.
const actionTime = time.Minute

func (w *window) size(width, height int64) {
	w.t.Helper()
	w.run(chromedp.EmulateViewport(width, height))
}

// scheme has pages be light or dark.
func (w *window) scheme(name string) {
	w.t.Helper()
	w.run(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
}

// visit loads a page and waits until it is drawn.
func (w *window) visit(path string) {
	w.t.Helper()
	w.run(chromedp.Navigate(w.url+path), chromedp.WaitReady("main"))
}

func (w *window) logIn(account, password string) {
	w.t.Helper()
	w.visit("/console/login/")
	w.run(chromedp.SendKeys("#name", account), chromedp.SendKeys("#password", password+"\r"), chromedp.WaitReady("header.top"))
}

// eval returns the value of an expression.
func eval[T any](w *window, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, actionTime)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}

// clean reports what the policy, the console and axe-core say against the page that is shown, and whether it is too wide.
func (w *window) clean(what string) {
	w.t.Helper()
	if refused := eval[[]string](w, "window.refused"); len(refused) > 0 {
		w.t.Errorf("%s: the policy refused %q", what, refused)
	}
	w.mu.Lock()
	for _, c := range w.complaints {
		w.t.Errorf("%s: %s", what, c)
	}
	w.complaints = nil
	w.mu.Unlock()
}

// narrow reports whether the page scrolls sideways at a width.
func (w *window) fits(what string, width int64) {
	w.t.Helper()
	w.size(width, 900)
	if over := eval[[]string](w, `(() => {
		const wide = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= wide) return [];
		return [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, pre, .graph, .chart"))
			.slice(0, 5).map((e) => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 40));
	})()`); len(over) > 0 {
		w.t.Errorf("%s: at %d px it scrolls sideways because of %q", what, width, over)
	}
}

// axeSource is axe-core, which looks for what keeps people out.
func axeSource(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// accessible runs axe-core on the page that is shown.
func (w *window) accessible(what, axe string) {
	w.t.Helper()
	eval[int](w, axe+"; 0")
	text := eval[string](w, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => JSON.stringify(r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html + " :: " + n.failureSummary)}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		w.t.Fatal(err)
	}
	for _, v := range found {
		w.t.Errorf("%s: axe %s: %s\n    %s", what, v.ID, v.Help, strings.Join(v.Nodes, "\n    "))
	}
}

// picture returns what the window shows.
func (w *window) picture() []byte {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, actionTime)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Fatal(err)
	}
	return png
}
