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

  const say = (text) => { const s = document.getElementById("said"); if (s) s.textContent = text; };

  document.addEventListener("DOMContentLoaded", () => {
    wire(document);
    document.body.addEventListener("htmx:after:swap", () => {
      const results = document.getElementById("results");
      if (results) {
        wire(results);
        say(results.dataset.said || "");
      }
      document.dispatchEvent(new Event("console:drawn"));
    });
  });
})();
