// Repeats the steps of a proof from the bytes on the page: SHA-256 and the signature by WebCrypto. It reads the entry, the
// hashes and the signed head, and nothing of what the server says the results are.
"use strict";
document.addEventListener("DOMContentLoaded", async () => {
  const list = document.getElementById("proof"), out = document.getElementById("checked");
  if (!list || !window.crypto?.subtle) return;
  const hex = (b) => [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  const unhex = (s) => Uint8Array.from(s.match(/../g), (x) => parseInt(x, 16));
  const unbase = (s) => Uint8Array.from(atob(s.trim()), (c) => c.charCodeAt(0));
  const hash = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
  try {
    let at = BigInt(list.dataset.entry) - 1n, last = BigInt(list.dataset.size) - 1n;
    let known = await hash(Uint8Array.of(0), unbase(document.getElementById("entry").textContent));
    for (const step of list.querySelectorAll("[data-hash]")) {
      const other = unhex(step.dataset.hash);
      if (at & 1n || at === last) {
        known = await hash(Uint8Array.of(1), other, known);
        while (!(at & 1n) && at !== 0n) { at >>= 1n; last >>= 1n; }
      } else {
        known = await hash(Uint8Array.of(1), known, other);
      }
      at >>= 1n; last >>= 1n;
    }
    const note = document.getElementById("head").textContent;
    const cut = note.indexOf("\n\n") + 1, text = note.slice(0, cut), lines = text.split("\n");
    const rooted = last === 0n && hex(known) === hex(unbase(lines[2])) && lines[1] === list.dataset.size;
    let signed = "this browser cannot check the signature";
    const [name, , ...rest] = document.getElementById("key").textContent.split("+");
    const key = unbase(rest.join("+"));
    const line = note.slice(cut).split("\n").find((l) => l.startsWith("— " + name + " "));
    if (line && key[0] === 1) {
      try {
        const pub = await crypto.subtle.importKey("raw", key.slice(1), "Ed25519", false, ["verify"]);
        const good = await crypto.subtle.verify("Ed25519", pub, unbase(line.split(" ").pop()).slice(4), new TextEncoder().encode(text));
        signed = good ? "the signature is the key's" : "THE SIGNATURE IS NOT THE KEY'S";
      } catch { /* an older browser */ }
    }
    out.textContent = rooted ? `● This browser has computed the same root from the same bytes; ${signed}.` : "▲ This browser has computed another root: the proof does not hold.";
    out.classList.add(rooted && !signed.startsWith("THE") ? "good" : "bad");
    out.dataset.done = rooted ? "yes" : "no";
  } catch (e) {
    out.textContent = "This browser could not repeat the steps: " + e.message;
    out.dataset.done = "no";
  }
});
