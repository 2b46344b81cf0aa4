/* Whatever is chosen, the server works out anew what it comes to; package and period bring their options. Without
   scripts a button does the same. What was typed about oneself is never sent for it, but for what changes the tax. */
(function () {
  "use strict";
  var form = document.getElementById("order-form"), waiting = 0, asked = 0;
  if (!form) { return; }
  var TOLD = /^(csrf_token|opened|options_of|period_was|period|package|option\.\d+|customer|coupon|country|tax_id|company_name)$/;

  function ask(all) {
    var sent = new FormData(), mine = ++asked;
    new FormData(form).forEach(function (value, name) { if (TOLD.test(name)) { sent.append(name, value); } });
    sent.append("show", "1");
    form.setAttribute("aria-busy", "true");
    fetch(form.action, { method: "POST", body: sent, credentials: "same-origin" })
      .then(function (answer) { return answer.text(); })
      .then(function (html) {
        if (mine !== asked) { return; }
        var fresh = new DOMParser().parseFromString(html, "text/html");
        (all ? ["order-choose", "order-sums", "order-coupon", "order-send"] : ["order-sums", "order-coupon", "order-send"]).forEach(function (id) {
          var old = document.getElementById(id), part = fresh.getElementById(id);
          if (!old || !part) { return; }
          var focused = old.contains(document.activeElement) ? document.activeElement : null;
          old.replaceChildren.apply(old, Array.prototype.slice.call(part.childNodes));
          if (focused && focused.name) {
            var again = old.querySelector('[name="' + focused.name + '"]' + (focused.type === "radio" ? '[value="' + focused.value + '"]' : ""));
            if (again) { again.focus(); }
          }
        });
        form.removeAttribute("aria-busy");
      })
      .catch(function () { if (mine === asked) { form.removeAttribute("aria-busy"); } });
  }

  form.addEventListener("change", function (e) {
    if (!TOLD.test(e.target.name)) { return; }
    window.clearTimeout(waiting);
    ask(e.target.name === "package" || e.target.name === "period");
  });
  form.addEventListener("input", function (e) {
    if (!TOLD.test(e.target.name) || e.target.matches("[type=radio],[type=checkbox],select")) { return; }
    window.clearTimeout(waiting);
    waiting = window.setTimeout(ask, 600, false);
  });
  form.addEventListener("click", function (e) {
    if (e.target.matches("[name=show]")) { e.preventDefault(); ask(false); }
  });
  form.addEventListener("submit", function (e) {
    var button = e.submitter;
    if (button && button.name !== "show") { window.setTimeout(function () { button.disabled = true; }, 0); }
  });
})();
