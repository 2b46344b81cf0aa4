/* The page of an order form beside its builder, drawn anew by the server as one types. What is picked on that page goes
   along, so it can be tried before anything is saved. Without this script a button draws it. */
(function () {
  "use strict";
  var form = document.querySelector("form[data-preview]"), frame = document.getElementById("order-look");
  if (!form || !frame) { return; }
  var PICKED = /^(options_of|period_was|period|package|option\.\d+|country|tax_id|company_name|coupon)$/;
  var waiting = 0, asked = 0;

  function later() { window.clearTimeout(waiting); waiting = window.setTimeout(draw, 500); }

  function sent() {
    var data = new FormData(form), page = frame.contentDocument.getElementById("order-form");
    if (page) { new FormData(page).forEach(function (value, name) { if (PICKED.test(name)) { data.append("seen." + name, value); } }); }
    return data;
  }

  function draw() {
    var mine = ++asked;
    window.clearTimeout(waiting);
    fetch(form.dataset.preview, { method: "POST", body: sent(), credentials: "same-origin" })
      .then(function (answer) { if (!answer.ok || answer.redirected) { throw new Error(answer.status); } return answer.text(); })
      .then(function (html) { if (mine === asked) { show(new DOMParser().parseFromString(html, "text/html")); } })
      .catch(function () { /* what is shown stays; the button loads it */ });
  }

  function show(fresh) {
    var page = frame.contentDocument, at = page.scrollingElement.scrollTop, focused = page.activeElement;
    var open = Array.prototype.map.call(page.querySelectorAll("details"), function (one) { return one.open; });
    var old = page.getElementById("form-look"), look = fresh.getElementById("form-look");
    if (!look || !old || look.href !== old.href) {
      if (look) { page.head.appendChild(page.adoptNode(look)); }
      if (old) { old.remove(); }
    }
    page.documentElement.lang = fresh.documentElement.lang;
    page.documentElement.replaceChild(page.adoptNode(fresh.body), page.body);
    page.querySelectorAll("details").forEach(function (one, place) { one.open = Boolean(open[place]); });
    page.scrollingElement.scrollTop = at;
    if (focused && focused.name) {
      var again = page.querySelector('[name="' + focused.name + '"]' + (focused.type === "radio" ? '[value="' + focused.value + '"]' : ""));
      if (again) { again.focus({ preventScroll: true }); }
    }
  }

  function ready() {
    var page = frame.contentDocument;
    page.addEventListener("change", function (e) { if (PICKED.test(e.target.name)) { draw(); } });
    page.addEventListener("submit", function (e) { e.preventDefault(); draw(); });
    page.addEventListener("click", function (e) { if (e.target.closest("a")) { e.preventDefault(); } });
    draw();
  }

  form.addEventListener("input", later);
  form.addEventListener("change", later);
  new MutationObserver(later).observe(form, { childList: true });
  document.addEventListener("click", function (e) {
    if (e.target.closest("[formtarget=order-look]")) { e.preventDefault(); draw(); }
  });
  frame.addEventListener("load", ready);
  if (frame.contentDocument.readyState === "complete" && frame.contentDocument.body.childElementCount) { ready(); }
})();
