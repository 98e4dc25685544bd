package console_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/accord-taxii/accord/internal/accordtest"
)

// Every screen in a real browser: the policy refuses nothing, the console has no errors, axe-core finds nothing, and at the width of
// a telephone and of a desk nothing scrolls sideways but tables in their boxes. Objects of the exchange are hostile, so that this
// holds whatever strangers write.
func TestEveryScreenInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute of a browser")
	}
	s := hostileExchange(t)
	factor := enrol(t, s, accordtest.Operator)
	started := startChromium(t)
	w := open(t, started, s.URL)
	axe := axeSource(t)

	// With the keyboard alone: the form has the focus, Enter sends it.
	w.visit("/console/login/")
	w.accessible("login", axe)
	w.keys(accordtest.Operator + "\t" + accordtest.Password(accordtest.Operator) + "\r")
	w.run(chromedp.WaitReady("#code"))
	w.accessible("code", axe)
	w.keys(code(t, s, factor) + "\r")
	w.run(chromedp.WaitReady("header.top"))
	w.clean("login")

	all := screens()
	all["hostile"] = "/console/objects/" + hostileID + "/"
	all["hostile search"] = "/console/search/?type=malware"
	all["hostile graph"] = "/console/objects/" + hostileID + "/graph/"
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.size(1440, 900)
			w.visit(all[name])
			w.accessible(name, axe)
			w.fits(name, 1440)
			w.fits(name, 375)
			w.clean(name)
			w.operable(name)
		})
	}
	w.t = t
	w.size(1440, 900)
	w.scheme("dark")
	for _, name := range []string{"object", "agreement", "status"} {
		w.visit(all[name])
		w.accessible(name+" in the dark", axe)
	}

	// The screen that a cluster alone has.
	nodes := exchange(t, clustered(t))
	factor = enrol(t, nodes, accordtest.Operator)
	w = open(t, started, nodes.URL)
	w.visit("/console/login/")
	w.keys(accordtest.Operator + "\t" + accordtest.Password(accordtest.Operator) + "\r")
	w.run(chromedp.WaitReady("#code"))
	w.keys(code(t, nodes, factor) + "\r")
	w.run(chromedp.WaitReady("header.top"))
	w.size(1440, 900)
	w.visit("/console/servers/")
	w.accessible("servers", axe)
	w.fits("servers", 1440)
	w.fits("servers", 375)
	w.clean("servers")
	w.operable("servers")
}

// What people do with the keyboard alone, and what script adds.
func TestKeysAndScript(t *testing.T) {
	s := exchange(t)
	s.Clock.Set(time.Now().Add(48 * time.Hour))
	s.Post(accordtest.Vendor, accordtest.Path(accordtest.Programme), accordtest.Indicators(20, 25)...)
	started := startChromium(t)
	w := open(t, started, s.URL)
	w.logIn(accordtest.Agency, accordtest.Password(accordtest.Agency))

	// What came on two days is drawn, as wide as the page.
	w.run(chromedp.WaitReady("#arrivals canvas"))
	if width := eval[float64](w, "document.querySelector('#arrivals canvas').getBoundingClientRect().width"); width < 600 {
		t.Errorf("the chart is %v wide", width)
	}
	w.clean("chart")

	w.keys("/")
	if at := eval[string](w, "document.activeElement.id"); at != "find" {
		t.Errorf("/ leads to %q", at)
	}
	w.keys("beacon\r")
	w.run(chromedp.WaitReady("#results"))
	w.clean("search")

	// Narrowing replaces the results alone, says so, and leaves an address that can be sent.
	w.run(chromedp.SetValue("#q", "nothing-has-this"), chromedp.Click("main form button"), chromedp.WaitReady("#results .empty"))
	if at := eval[string](w, "location.search"); at == "" || eval[string](w, "document.getElementById('said').textContent") != "0 objects found" {
		t.Errorf("after narrowing: %q, said %q", at, eval[string](w, "document.getElementById('said').textContent"))
	}
	w.clean("narrowed search")

	w.visit("/console/overview/")
	w.keys("?")
	if !eval[bool](w, "document.getElementById('keys').open") {
		t.Error("? does not open the list of keys")
	}
	w.keys("\x1b")
	w.keys("\t")

	w.visit("/console/agreements/" + accordtest.Programme + "/proof/?entry=3")
	w.run(chromedp.WaitReady("#checked[data-done]"))
	if said := eval[string](w, "document.getElementById('checked').textContent"); eval[string](w, "document.getElementById('checked').dataset.done") != "yes" {
		t.Errorf("the browser says of the proof: %s", said)
	}
	w.clean("proof")

	// Text becomes HTML through our policy alone, and what could run something does not.
	if eval[bool](w, `(() => { try { document.createElement("div").innerHTML = "<img src=x onerror=alert(1)>"; return true; } catch { return false; } })()`) {
		t.Error("HTML that could run something is taken")
	}
	if !eval[bool](w, `(() => { const d = document.createElement("div"); d.innerHTML = "<b>bold</b>"; return d.firstChild.tagName === "B"; })()`) {
		t.Error("HTML that runs nothing is refused")
	}
	w.visit("/console/agreements/")
	w.run(chromedp.Click(`form[action="/console/logout/"] button`), chromedp.WaitReady("#password"))
}

// keys types into whatever has the focus.
func (w *window) keys(text string) {
	w.t.Helper()
	w.run(chromedp.KeyEvent(text))
}
