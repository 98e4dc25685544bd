// What script adds to pages that work without it: keys, copying, and telling people who cannot see what changed.
"use strict";
(() => {
  const typing = (t) => t.closest("input, textarea, select, [contenteditable]");

  // Keys. They can be switched off, for those who speak or type by other means.
  const keysOff = () => { try { return localStorage.getItem("keys") === "off"; } catch { return false; } };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || keysOff()) return;
    if (e.key === "/") {
      e.preventDefault();
      document.querySelector("input[type=search]")?.focus();
    } else if (e.key === "?") {
      document.getElementById("keys")?.showModal();
    }
  });

  const wire = (root) => {
    for (const b of root.querySelectorAll("[data-copy]")) {
      b.hidden = false;
      b.addEventListener("click", async () => {
        const source = b.dataset.copy || b.parentElement.querySelector("code").textContent;
        try {
          await navigator.clipboard.writeText(source);
          say("Copied");
          const was = b.textContent;
          b.textContent = "copied";
          setTimeout(() => { b.textContent = was; }, 1500);
        } catch {
          say("The browser did not let this be copied");
        }
      });
    }
    for (const box of root.querySelectorAll("[data-keys]")) {
      box.checked = !keysOff();
      box.addEventListener("change", () => { try { localStorage.setItem("keys", box.checked ? "on" : "off"); } catch { /* it is not remembered */ } });
    }
    for (const d of root.querySelectorAll("[data-close]")) d.addEventListener("click", () => d.closest("dialog").close());
    for (const f of root.querySelectorAll("select[data-submit]")) f.addEventListener("change", () => f.form.requestSubmit());
  };

  // A box that scrolls can be reached by the keyboard, if nothing in it can.
  const reachable = () => {
    for (const box of document.querySelectorAll(".scroll:not([data-own])")) {
      if (box.tabIndex >= 0 && box.dataset.reached === undefined) { box.dataset.own = ""; continue; }
      const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      if (scrolls && !box.querySelector("a[href], button, input, select, textarea, summary")) {
        box.tabIndex = 0;
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", box.querySelector("caption")?.textContent || "Table");
        box.dataset.reached = "";
      } else if (box.dataset.reached !== undefined) {
        for (const name of ["tabindex", "role", "aria-label", "data-reached"]) box.removeAttribute(name);
      }
    }
  };
  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(reachable, 100); });

  const say = (text) => { const s = document.getElementById("said"); if (s) s.textContent = text; };

  document.addEventListener("DOMContentLoaded", () => {
    wire(document);
    reachable();
    // Text that looks as if it could run something is not put into the page by script (see policy.js): the form does without.
    document.body.addEventListener("htmx:error", (e) => {
      const form = e.target.closest?.("form[hx-get]");
      if (form) form.submit();
    });
    document.body.addEventListener("htmx:after:swap", () => {
      const results = document.getElementById("results");
      if (results) {
        wire(results);
        reachable();
        say(results.dataset.said || "");
      }
      document.dispatchEvent(new Event("console:drawn"));
    });
  });
})();
