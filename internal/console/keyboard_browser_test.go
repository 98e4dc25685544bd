package console_test

import (
	"fmt"
	"strings"
)

// markControls numbers what can be operated on a page, has forms tell that they would be sent instead of being sent, and returns how
// many controls are shown. What is in a closed dialog or list is not.
const markControls = `(() => {
	window.sent = 0;
	document.addEventListener("submit", (e) => { e.preventDefault(); e.stopImmediatePropagation(); window.sent++; }, true);
	for (const f of document.forms) f.noValidate = true;
	let n = 0;
	for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")) {
		if (e.checkVisibility() && !e.disabled && !(e.type === "radio" && !e.checked)) e.dataset.control = n++;
	}
	document.activeElement.blur();
	return n;
})()`

// focused describes what has the focus: its number, whether it sends a form, whether its focus can be seen, and how many forms were
// sent so far.
const focused = `(() => {
	const e = document.activeElement, style = getComputedStyle(e);
	return [e.dataset.control ?? "", e.form && e.type === "submit" ? "sends" : "", parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none" ? "seen" : "", window.sent, e.outerHTML.slice(0, 120)].join("\u0001");
})()`

// operable reports what the keyboard alone does not reach on the page that is shown: Tab comes to every control, each shows that it
// has the focus, and Enter on the button of each form sends it.
func (w *window) operable(what string) {
	w.t.Helper()
	w.size(1440, 900)
	controls := eval[int](w, markControls)
	reached := map[string]bool{}
	sent := 0
	for range 3*controls + 20 { // a date has several places
		w.keys("\t")
		part := strings.Split(eval[string](w, focused), "\u0001")
		if len(part) != 5 {
			w.t.Fatalf("%s: the focus is %q", what, part)
		}
		if part[0] == "" {
			if len(reached) >= controls {
				break
			}
			continue
		}
		if reached[part[0]] {
			continue
		}
		reached[part[0]] = true
		if part[2] == "" {
			w.t.Errorf("%s: the focus on %s cannot be seen", what, part[4])
		}
		if part[1] != "" {
			w.keys("\r")
			if n := eval[int](w, "window.sent"); n != sent+1 {
				w.t.Errorf("%s: Enter on %s sends %d forms", what, part[4], n-sent)
			} else {
				sent = n
			}
		}
		if len(reached) == controls {
			break
		}
	}
	if len(reached) == controls {
		return
	}
	missing := eval[[]string](w, fmt.Sprintf(`[...document.querySelectorAll("[data-control]")].filter((e) => !%s.includes(e.dataset.control)).slice(0, 5).map((e) => e.outerHTML.slice(0, 160))`, list(reached)))
	w.t.Errorf("%s: the keyboard reaches %d of %d controls, not %q", what, len(reached), controls, missing)
}

// list writes the keys of a map as an array of JavaScript.
func list(m map[string]bool) string {
	var b strings.Builder
	b.WriteByte('[')
	for k := range m {
		fmt.Fprintf(&b, "%q,", k)
	}
	b.WriteByte(']')
	return b.String()
}
