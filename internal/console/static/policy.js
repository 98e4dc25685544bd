// Loaded before every other script. With the Content-Security-Policy "require-trusted-types-for 'script'; trusted-types
// default", text becomes HTML only through the policy made here. The server escapes what others wrote; this is the net below:
// text that could run something is refused whole.
"use strict";
(() => {
  if (!window.trustedTypes) return;
  const runs = /<\s*\/?\s*(script|iframe|object|embed|base|meta|link|form\s[^>]*formaction)\b|[\s"'\/]on[a-z]+\s*=|javascript\s*:|\bsrcdoc\s*=/i;
  trustedTypes.createPolicy("default", {
    createHTML(text) {
      if (runs.test(text)) throw new TypeError("HTML that could run something is refused");
      return text;
    },
  });
})();
